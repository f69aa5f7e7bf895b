import { runClient } from "./workload/work.ts";
const [repos, images, tag] = process.argv.slice(2);
const r = await runClient("pushSmall", {
  host: "127.0.0.1:5999",
  repository: `bench/p${tag}`,
  seed: `s${tag}${Date.now()}`,
  images: Number(images),
  writers: 16,
  repositories: Number(repos),
  way: "put",
} as never);
console.log(JSON.stringify(r).slice(0, 300));
