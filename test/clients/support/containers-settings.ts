import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * Writes settings for podman, buildah and skopeo below one folder, so that they neither read nor change files of the
 * machine: plain HTTP for loopback, no signature checks, the vfs store (it needs no kernel support), and limits that
 * are also allowed inside a container.
 *
 * @param registries additional lines of registries.conf
 */
export function writeContainersSettings(folder: string, registries = ""): Record<string, string> {
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const settings = at(".config/containers");
  mkdirSync(settings, { recursive: true });
  mkdirSync(at("run"));
  writeFileSync(
    path.join(settings, "policy.json"),
    JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
  );
  writeFileSync(
    path.join(settings, "registries.conf"),
    `unqualified-search-registries = []\n[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n${registries}`,
  );
  writeFileSync(
    path.join(settings, "storage.conf"),
    `[storage]\ndriver = "vfs"\ngraphroot = "${at("store")}"\nrunroot = "${at("run/store")}"\n`,
  );
  writeFileSync(
    path.join(settings, "containers.conf"),
    `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
tmp_dir = "${at("run/libpod")}"
static_dir = "${at("store/libpod")}"
`,
  );
  return {
    HOME: folder,
    XDG_RUNTIME_DIR: at("run"),
    XDG_CONFIG_HOME: at(".config"),
    XDG_DATA_HOME: at(".local"),
    CONTAINERS_CONF: path.join(settings, "containers.conf"),
    CONTAINERS_REGISTRIES_CONF: path.join(settings, "registries.conf"),
    CONTAINERS_STORAGE_CONF: path.join(settings, "storage.conf"),
    BUILDAH_ISOLATION: "chroot",
  };
}
