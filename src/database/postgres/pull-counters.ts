import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import {
  allRepositories,
  dayMs,
  daysKept,
  fallbackTag,
  pullBucketOf,
  type PullBucket,
  type PullCounterChange,
  type PullCounterRow,
  type PullCounterStore,
  type PullsOfDay,
  type TagPulls,
} from "../catalog/pull-counters.ts";
import type { PostgresPool } from "./connection.ts";

type Row<Name> = PullCounterRow & { readonly name: Name };

/**
 * The pull counters in the tables `repository_counts` and `tag_counts`. Several replicas may write at once. A write needs
 * no flush: a crash of the database may lose the last of them.
 * @param version another value after each commit
 */
export function createPullCounterStore(
  pool: PostgresPool,
  version: () => Promise<unknown>,
): PullCounterStore {
  return {
    version,
    add: (counted) => add(pool, counted),
    async of(repositories) {
      const names = repositories.map(({ name }) => name);
      const times = repositories.map(({ createdAtMs }) => createdAtMs);
      const rows = await pool.read<Row<RepositoryName>>(
        `SELECT repository AS name, ${columns}
         FROM unnest($1::text[], $2::bigint[]) AS asked (name, created_at)
         JOIN repository_counts ON repository = asked.name AND registered_at = asked.created_at`,
        [names, times],
      );
      return new Map(rows.map((row) => [row.name, row]));
    },
    async ofTags({ name, createdAtMs }, tags) {
      const rows = await pool.read<Row<Tag>>(
        `SELECT tag AS name, ${columns} FROM tag_counts
         WHERE repository = $1 AND registered_at = $2 AND tag = ANY($3)`,
        [name, createdAtMs, tags],
      );
      return new Map(rows.map((row) => [row.name, row]));
    },
    scanTags: ({ name, createdAtMs }, { last, limit }) =>
      pool.read<TagPulls>(
        `SELECT tag, pulls, last_pulled_at AS "lastPulledAtMs" FROM tag_counts
         WHERE repository = $1 AND registered_at = $2 AND tag > $3 ORDER BY tag LIMIT $4`,
        [name, createdAtMs, last, limit],
      ),
    days: (repositories, { fromDay, tag }) =>
      pool.read<PullsOfDay>(
        `SELECT day, CAST(sum(pulls) AS bigint) AS pulls
         FROM unnest($1::text[], $2::bigint[]) AS asked (name, created_at)
         JOIN ${tag === undefined ? "repository_days" : "tag_days"} AS days
           ON days.repository = asked.name AND registered_at = asked.created_at AND day >= $3
         ${tag === undefined ? "" : "WHERE tag = $4"} GROUP BY day`,
        [
          repositories.map(({ name }) => name),
          repositories.map(({ createdAtMs }) => createdAtMs),
          ...[fromDay, ...(tag === undefined ? [] : [tag])],
        ],
      ),
    async knownSinceMs() {
      const [row] = await pool.read<{ readonly since: number }>("SELECT since FROM pulls_known");
      return row?.since ?? Infinity;
    },
    close: async () => undefined,
  };
}

const columns = `pulls, pushes, last_pulled_at AS "lastPulledAtMs", last_pushed_at AS "lastPushedAtMs"`;

interface Added {
  readonly repositoryId: number;
  readonly pulls: number;
  readonly total: number;
}

async function add(
  pool: PostgresPool,
  counted: readonly PullCounterChange[],
): Promise<readonly PullBucket[]> {
  const connection = await pool.connect();
  let isBroken = true;
  try {
    await connection.query("BEGIN; SET LOCAL synchronous_commit = off");
    const { rows } = await connection.query<Added>(addText, parametersOf(counted));
    await connection.query("COMMIT");
    isBroken = false;
    return rows.flatMap(({ repositoryId, pulls, total }) => {
      const pullBucket = pullBucketOf(total);
      return pullBucket === pullBucketOf(total - pulls) ? [] : [{ repositoryId, pullBucket }];
    });
  } finally {
    // The end of the connection rolls the transaction back.
    connection.release(isBroken);
  }
}

/** The columns of the changes, for `unnest`. */
const parametersOf = (counted: readonly PullCounterChange[]): readonly unknown[] => [
  counted.map(({ repository }) => repository),
  counted.map(({ reference }) => (reference.kind === "tag" ? reference.tag : null)),
  counted.map(({ reference }) => (reference.kind === "digest" ? reference.digest : null)),
  counted.map(({ pulls }) => pulls),
  counted.map(({ pushes }) => pushes),
  counted.map(({ lastPulledAtMs }) => lastPulledAtMs),
  counted.map(({ lastPushedAtMs }) => lastPushedAtMs),
  counted.map(({ removal }) => removal),
];

const isFallback = (column: string): string => `${column} ~ '${fallbackTag.source}'`;

/** Whether a manifest has a subject or is the child of an index. */
const isPart = `(manifests.subject_digest IS NOT NULL OR EXISTS (
  SELECT 1 FROM manifest_references AS parents JOIN manifests AS indexes ON indexes.id = parents.manifest_id
  WHERE parents.digest = manifests.digest AND parents.kind = 'child'
    AND indexes.repository_id = manifests.repository_id))`;

/** The conditions of the sums and the latest times in an upsert; the counts of an earlier repository are replaced. */
const onConflict = (() => {
  const isSame = "held.registered_at = excluded.registered_at";
  const sum = (column: string): string =>
    `${column} = excluded.${column} + CASE WHEN ${isSame} THEN held.${column} ELSE 0 END`;
  const latest = (column: string): string =>
    `${column} = CASE WHEN ${isSame} THEN greatest(held.${column}, excluded.${column}) ELSE excluded.${column} END`;
  return `DO UPDATE SET registered_at = excluded.registered_at, ${sum("pulls")}, ${sum("pushes")},
    ${latest("last_pulled_at")}, ${latest("last_pushed_at")}`;
})();

/** Adds to the pulls of a day. */
const onDayConflict = `DO UPDATE SET registered_at = excluded.registered_at,
  pulls = excluded.pulls + CASE WHEN held.registered_at = excluded.registered_at THEN held.pulls ELSE 0 END`;

const sums = `CAST(sum(pulls) AS bigint) AS pulls, CAST(sum(pushes) AS bigint) AS pushes,
  nullif(max(last_pulled_at), 0) AS last_pulled_at, nullif(max(last_pushed_at), 0) AS last_pushed_at`;

/**
 * Adds a batch. Which reads are pulls, and of which tags, is decided as in `sqlite/pull-counter-thread.ts`. The rows are
 * written in the order of their keys, so that two replicas do not wait for each other in a circle.
 */
const addText = `
  WITH changed AS MATERIALIZED (
    SELECT changes.*, repositories.id, repositories.created_at AS registered_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
      AS changes (repository, tag, digest, read, pushes, read_at, last_pushed_at, removal)
    JOIN repositories ON repositories.name = changes.repository
    WHERE changes.removal = coalesce(
      (SELECT sequence FROM repository_removals WHERE repository_removals.name = changes.repository), 0)
  ), classified AS (
    SELECT changed.*, CAST(NULL AS bigint) AS manifest_id, NOT ${isFallback("changed.tag")} AND NOT EXISTS (
        SELECT 1 FROM tags JOIN manifests ON manifests.id = tags.manifest_id
        WHERE tags.repository_id = changed.id AND tags.name = changed.tag AND manifests.subject_digest IS NOT NULL
      ) AS is_pull
    FROM changed WHERE tag IS NOT NULL
    UNION ALL
    SELECT changed.*, manifests.id, manifests.id IS NOT NULL AND NOT ${isPart} AND (
        NOT EXISTS (SELECT 1 FROM tags WHERE tags.manifest_id = manifests.id)
        OR EXISTS (SELECT 1 FROM tags WHERE tags.manifest_id = manifests.id AND NOT ${isFallback("tags.name")}))
    FROM changed
    LEFT JOIN manifests ON manifests.repository_id = changed.id AND manifests.digest = changed.digest
    WHERE changed.digest IS NOT NULL
  ), counted AS MATERIALIZED (
    SELECT id, repository, registered_at, tag, read_at / ${dayMs} AS day, CASE WHEN is_pull AND read > 0 THEN manifest_id END AS manifest_id,
      CASE WHEN is_pull THEN read ELSE 0 END AS pulls, pushes,
      CASE WHEN is_pull AND read > 0 THEN read_at ELSE 0 END AS last_pulled_at, last_pushed_at
    FROM classified WHERE pushes > 0 OR is_pull AND read > 0
  ), tags_counted AS MATERIALIZED (
    SELECT counted.*, tag AS name FROM counted WHERE tag IS NOT NULL
    UNION ALL
    SELECT counted.*, tags.name FROM counted JOIN tags ON tags.manifest_id = counted.manifest_id
    WHERE NOT ${isFallback("tags.name")}
  ), of_tags AS (
    INSERT INTO tag_counts AS held
      (repository, tag, registered_at, pulls, pushes, last_pulled_at, last_pushed_at)
    SELECT repository, name, registered_at, ${sums}
    FROM tags_counted
    GROUP BY repository, name, registered_at ORDER BY repository, name
    ON CONFLICT (repository, tag) ${onConflict}
  ), of_tag_days AS (
    INSERT INTO tag_days AS held (repository, tag, day, registered_at, pulls)
    SELECT repository, name, day, registered_at, CAST(sum(pulls) AS bigint) FROM tags_counted
    WHERE pulls > 0 GROUP BY repository, name, day, registered_at ORDER BY repository, name, day
    ON CONFLICT (repository, tag, day) ${onDayConflict}
    RETURNING repository, tag, day
  ), of_days AS (
    INSERT INTO repository_days AS held (repository, day, registered_at, pulls)
    SELECT repository, day, registered_at, CAST(sum(pulls) AS bigint) FROM (
      SELECT repository, day, registered_at, pulls FROM counted
      UNION ALL SELECT '${allRepositories.name}', day, ${allRepositories.createdAtMs}, pulls FROM counted) AS added
    WHERE pulls > 0 GROUP BY repository, day, registered_at ORDER BY repository, day
    ON CONFLICT (repository, day) ${onDayConflict}
    RETURNING repository, day
  ), ended_tag_days AS (
    DELETE FROM tag_days USING of_tag_days
    WHERE tag_days.repository = of_tag_days.repository AND tag_days.tag = of_tag_days.tag
      AND tag_days.day <= of_tag_days.day - ${daysKept}
  ), ended_days AS (
    DELETE FROM repository_days USING of_days
    WHERE repository_days.repository = of_days.repository AND repository_days.day <= of_days.day - ${daysKept}
  ), repositories_counted AS MATERIALIZED (
    SELECT id, repository, registered_at, ${sums} FROM counted GROUP BY id, repository, registered_at
  ), of_repositories AS (
    INSERT INTO repository_counts AS held
      (repository, registered_at, pulls, pushes, last_pulled_at, last_pushed_at)
    SELECT repository, registered_at, pulls, pushes, last_pulled_at, last_pushed_at
    FROM repositories_counted ORDER BY repository
    ON CONFLICT (repository) ${onConflict}
    RETURNING repository, pulls)
  SELECT repositories_counted.id AS "repositoryId", repositories_counted.pulls AS pulls, of_repositories.pulls AS total
  FROM of_repositories JOIN repositories_counted ON repositories_counted.repository = of_repositories.repository`;
