import { manifestType } from "../client/image.ts";
import {
  configType,
  imageOf,
  imagesIn,
  layerType,
  referrerType,
  repositoryOf,
  type Stock,
  type StockImage,
  type StockRepository,
} from "./stock.ts";

/*
 * The rows that pushes of the stock have written, as SQL of SQLite and PostgreSQL. A filler writes images into two stage
 * tables, and these statements make all other rows of them. No trigger runs meanwhile.
 */

/** The columns of the stage tables, with their types in PostgreSQL. */
const repositoryColumns = {
  id: "bigint",
  /** 0: the repository has images of an earlier batch. */
  is_new: "int",
  name: "text",
  namespace: "text",
  visibility: "text",
  short_text: "text",
  full_text: "text",
  pulls: "bigint",
  pull_rank: "int",
  at: "bigint",
  updated_at: "bigint",
  layer_id: "bigint",
  layer_digest: "text",
  layer_key: "text",
  layer_size: "int",
  /** Of this batch: images, those of them without a subject, and the bytes of their configs. */
  images: "int",
  plain_images: "int",
  config_bytes: "bigint",
} as const;

const imageColumns = {
  manifest_id: "bigint",
  config_id: "bigint",
  repository_id: "bigint",
  tag: "text",
  at: "bigint",
  digest: "text",
  content: "bytea",
  size_bytes: "int",
  artifact_type: "text",
  subject_digest: "text",
  config_digest: "text",
  config_key: "text",
  config_size: "int",
} as const;

export const stageTables = {
  stage_repositories: Object.keys(repositoryColumns),
  stage_images: Object.keys(imageColumns),
} as const;

export type StageRow = readonly (string | number | Buffer | null)[];

export const createStageTables = ["stage_repositories", "stage_images"].map((table) => {
  const columns = table === "stage_images" ? imageColumns : repositoryColumns;
  const types = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  return `CREATE TEMPORARY TABLE ${table} (${types.join(", ")})`;
});

/** Rows of the stage tables: at most 50,000 images with their repositories. */
export interface Batch {
  readonly repositories: readonly StageRow[];
  readonly images: readonly StageRow[];
}

/** What a database has before it is filled. */
export interface Filled {
  /** `undefined`: nothing of the stock. */
  readonly stock: Stock | undefined;
  /** The id of the first repository, if there is a stock. */
  readonly largestId: number;
  readonly lastIds: {
    readonly repositories: number;
    readonly blobs: number;
    readonly manifests: number;
  };
}

const imagesAtOnce = 50_000;

/** The images that a database lacks of a stock, in the order of their repositories. */
export function* batchesOf(stock: Stock, { stock: before, largestId, lastIds }: Filled) {
  const ids = { ...lastIds };
  let [repositories, images]: [StageRow[], StageRow[]] = [[], []];
  for (let number = 0; number < stock.repositories; number += 1) {
    const all = imagesIn(stock, number);
    const had = before !== undefined && number < before.repositories ? imagesIn(before, number) : 0;
    if (had >= all) continue;
    const repository = repositoryOf(number);
    const id = had > 0 ? largestId : (ids.repositories += 1);
    const layerId = had > 0 ? 0 : (ids.blobs += 1);
    for (let from = had; from < all;) {
      const until = Math.min(all, from + imagesAtOnce - images.length);
      const added: StockImage[] = [];
      for (let version = from; version < until; version += 1)
        added.push(imageOf(repository, version));
      repositories.push(
        repositoryRow({ ...{ repository, id, layerId, images: added }, isNew: from === 0 }),
      );
      for (const image of added)
        images.push(
          imageRow(id, { manifest: (ids.manifests += 1), config: (ids.blobs += 1) }, image),
        );
      from = until;
      if (images.length < imagesAtOnce) continue;
      yield { repositories, images } satisfies Batch;
      [repositories, images] = [[], []];
    }
  }
  if (images.length > 0) yield { repositories, images } satisfies Batch;
}

interface BatchedRepository {
  readonly repository: StockRepository;
  readonly id: number;
  readonly isNew: boolean;
  readonly layerId: number;
  readonly images: readonly StockImage[];
}

function repositoryRow(batched: BatchedRepository): StageRow {
  const { repository, id, isNew, layerId, images } = batched;
  const { layer } = repository;
  const configBytes = images.reduce((sum, { config }) => sum + config.bytes.length, 0);
  return [
    ...[id, isNew ? 1 : 0, repository.name, repository.namespace, repository.visibility],
    ...[repository.short, repository.full, repository.pulls, repository.pullRank],
    ...[repository.createdAtMs, images.at(-1)?.pushedAtMs ?? repository.createdAtMs],
    ...[layerId, layer.digest, layer.key, layer.bytes.length],
    ...[images.length, images.filter(({ subject }) => subject === undefined).length, configBytes],
  ];
}

function imageRow(
  repositoryId: number,
  ids: { readonly manifest: number; readonly config: number },
  image: StockImage,
): StageRow {
  const { config, manifest, subject } = image;
  return [
    ...[ids.manifest, ids.config, repositoryId, image.tag, image.pushedAtMs],
    ...[image.digest, manifest, manifest.length],
    ...[subject === undefined ? configType : referrerType, subject ?? null],
    ...[config.digest, config.key, config.bytes.length],
  ];
}

const ofImages =
  "FROM stage_images AS image JOIN stage_repositories AS home ON home.id = image.repository_id";

/** The statements after each batch, before `searchDocuments` of a database. The leases have ended. */
export const batchStatements: readonly string[] = [
  `INSERT INTO repositories (id, name, namespace, created_at, updated_at, visibility, pull_rank)
   SELECT id, name, namespace, at, at, visibility, pull_rank FROM stage_repositories WHERE is_new = 1`,
  `INSERT INTO repository_descriptions (repository_id, short_text, full_text)
   SELECT id, short_text, full_text FROM stage_repositories WHERE is_new = 1`,
  `INSERT INTO namespace_counts (namespace, public, private)
   SELECT namespace, sum(CASE visibility WHEN 'public' THEN 1 ELSE 0 END), sum(CASE visibility WHEN 'private' THEN 1 ELSE 0 END)
   FROM stage_repositories WHERE is_new = 1 GROUP BY namespace
   ON CONFLICT (namespace) DO UPDATE SET public = namespace_counts.public + excluded.public,
     private = namespace_counts.private + excluded.private`,
  `INSERT INTO audit_log (at, actor, account, account_id, action, subject, data, peer)
   SELECT at, '', namespace, (SELECT id FROM accounts WHERE accounts.name = namespace), 'repo.create', name,
     '{"visibility":"' || visibility || '"}', '127.0.0.1' FROM stage_repositories WHERE is_new = 1`,
  `INSERT INTO blobs (id, digest, size_bytes, storage_key, created_at)
   SELECT layer_id, layer_digest, layer_size, layer_key, at FROM stage_repositories WHERE is_new = 1`,
  `INSERT INTO blobs (id, digest, size_bytes, storage_key, created_at)
   SELECT config_id, config_digest, config_size, config_key, at FROM stage_images`,
  `INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
   SELECT id, layer_id, at, at FROM stage_repositories WHERE is_new = 1`,
  `INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
   SELECT repository_id, config_id, at, at FROM stage_images`,
  `INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, artifact_type, config_media_type,
     subject_digest, os, architecture, pushed_at, leased_until, content)
   SELECT manifest_id, repository_id, digest, '${manifestType}', 'image', size_bytes, artifact_type, '${configType}',
     subject_digest, 'linux', 'amd64', at, at, content FROM stage_images`,
  `INSERT INTO manifest_references (manifest_id, position, kind, digest, media_type, size_bytes, required)
   SELECT manifest_id, 0, 'config', config_digest, '${configType}', config_size, 1 FROM stage_images
   UNION ALL
   SELECT image.manifest_id, 1, 'layer', home.layer_digest, '${layerType}', home.layer_size, 1 ${ofImages}
   ORDER BY 1, 2`,
  `INSERT INTO image_sizes (manifest_id, size_bytes)
   SELECT image.manifest_id, image.config_size + home.layer_size ${ofImages} ORDER BY image.manifest_id`,
  `INSERT INTO tags (repository_id, name, manifest_id, updated_at, updater)
   SELECT repository_id, tag, manifest_id, at, '' FROM stage_images`,
  `INSERT INTO tag_history (repository_id, name, digest, changed_at)
   SELECT repository_id, tag, digest, at FROM stage_images`,
  `INSERT INTO audit_log (at, actor, account, account_id, action, subject, data, peer)
   SELECT image.at, '', home.namespace, (SELECT id FROM accounts WHERE accounts.name = home.namespace), 'repo.tag.push',
     home.name || ':' || image.tag, '{"digest":"' || image.digest || '"}', '127.0.0.1' ${ofImages}`,
  `INSERT INTO tag_counts (repository, tag, registered_at, pulls, pushes, last_pushed_at)
   SELECT home.name, image.tag, home.at, 0, 1, image.at ${ofImages}`,
  `INSERT INTO repository_counts (repository, registered_at, pulls, pushes, last_pulled_at, last_pushed_at)
   SELECT name, at, pulls, images, updated_at, updated_at FROM stage_repositories WHERE true
   ON CONFLICT (repository) DO UPDATE SET pushes = repository_counts.pushes + excluded.pushes`,
  `INSERT INTO repository_facets (repository_id, facet, value, uses)
   SELECT id, facet, value, plain_images FROM stage_repositories CROSS JOIN (
     SELECT 'os' AS facet, 'linux' AS value UNION ALL SELECT 'architecture', 'amd64' UNION ALL SELECT 'type', 'image') AS facets
   WHERE true
   ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = repository_facets.uses + excluded.uses`,
  `UPDATE repositories SET
     tag_count = tag_count + (SELECT images FROM stage_repositories AS home WHERE home.id = repositories.id),
     size_bytes = size_bytes + (SELECT config_bytes + is_new * layer_size FROM stage_repositories AS home
       WHERE home.id = repositories.id),
     updated_at = (SELECT updated_at FROM stage_repositories AS home WHERE home.id = repositories.id)
   WHERE id IN (SELECT id FROM stage_repositories)`,
];
