import fc from "fast-check";
import { artifactTypes, blobCount, manifestCount, repositoryCount, tags } from "./universe.ts";

/** One operation of a client. Numbers are indexes into the lists of the universe, or into the sessions so far. */
export type Command =
  | { readonly do: "start"; readonly repository: number; readonly hint: boolean }
  | {
      readonly do: "append";
      readonly session: number;
      readonly blob: number;
      readonly share: number;
      readonly range: Range;
    }
  | {
      readonly do: "close";
      readonly session: number;
      readonly blob: number;
      readonly last: boolean;
      readonly range: Range;
    }
  | { readonly do: "cancel"; readonly session: number }
  | { readonly do: "status"; readonly session: number }
  | {
      readonly do: "pushWhole";
      readonly repository: number;
      readonly blob: number;
      readonly claim: number;
    }
  | {
      readonly do: "mount";
      readonly repository: number;
      readonly blob: number;
      readonly from: number | undefined;
    }
  | { readonly do: "deleteBlob"; readonly repository: number; readonly blob: number }
  | { readonly do: "readBlob"; readonly repository: number; readonly blob: number }
  | {
      readonly do: "putByTag";
      readonly repository: number;
      readonly manifest: number;
      readonly tag: string;
    }
  | {
      readonly do: "putByDigest";
      readonly repository: number;
      readonly manifest: number;
      /** The manifest whose digest the request names: usually the same manifest. */
      readonly claim: number;
      readonly which: number;
      readonly tags: readonly string[];
    }
  | {
      readonly do: "deleteManifest" | "readManifest";
      readonly repository: number;
      readonly reference: Reference;
    }
  | {
      readonly do: "listTags";
      readonly repository: number;
      readonly n: number | undefined;
      readonly last: string | undefined;
    }
  | {
      readonly do: "referrers";
      readonly repository: number;
      readonly subject: number;
      readonly which: number;
      readonly artifactType: string | undefined;
    }
  | {
      readonly do: "pushImage";
      readonly repository: number;
      readonly manifest: number;
      readonly tag: string;
    }
  | { readonly do: "deleteRepository"; readonly repository: number }
  | { readonly do: "catalog" }
  | { readonly do: "restart" };

export type Range = "none" | "right" | "wrong";
export type Reference =
  | { readonly tag: string }
  | { readonly manifest: number; readonly which: number };

const repository = fc.nat(repositoryCount - 1);
/** The index after the last blob is the foreign layer. */
const anyBlob = fc.nat(blobCount);
const blob = fc.nat(blobCount - 1);
const manifest = fc.nat(manifestCount - 1);
const tag = fc.constantFrom(...tags);
const which = fc.oneof(
  { arbitrary: fc.constant(0), weight: 3 },
  { arbitrary: fc.constant(1), weight: 1 },
);
const session = fc.nat(5);
const range = fc.constantFrom<Range>("none", "right", "right", "wrong");
const reference: fc.Arbitrary<Reference> = fc.oneof(
  fc.record({ tag }),
  fc.record({ manifest, which }),
);

/** Pairs of an index and a claimed index, which differs in at most 1 of 8 pairs. */
const mostly = (own: fc.Arbitrary<number>) =>
  fc
    .tuple(own, own, fc.nat(7))
    .map(([own, other, luck]) => [own, luck === 0 ? other : own] as const);

const weighted: readonly (readonly [weight: number, command: fc.Arbitrary<Command>])[] = [
  [3, fc.record({ do: fc.constant("start"), repository, hint: fc.boolean() })],
  [5, fc.record({ do: fc.constant("append"), session, blob, share: fc.nat(4), range })],
  [5, fc.record({ do: fc.constant("close"), session, blob, last: fc.boolean(), range })],
  [1, fc.record({ do: fc.constant("cancel"), session })],
  [2, fc.record({ do: fc.constant("status"), session })],
  [
    9,
    fc
      .tuple(repository, mostly(blob))
      .map(([repository, [blob, claim]]) => ({ do: "pushWhole", repository, blob, claim })),
  ],
  [
    5,
    fc.record({
      do: fc.constant("mount"),
      repository,
      blob: anyBlob,
      from: fc.option(fc.nat(repositoryCount), { nil: undefined }),
    }),
  ],
  [4, fc.record({ do: fc.constant("deleteBlob"), repository, blob: anyBlob })],
  [4, fc.record({ do: fc.constant("readBlob"), repository, blob: anyBlob })],
  [6, fc.record({ do: fc.constant("putByTag"), repository, manifest, tag })],
  [
    6,
    fc
      .tuple(repository, mostly(manifest), which, fc.uniqueArray(tag, { maxLength: 3 }))
      .map(([repository, [manifest, claim], which, tags]) => ({
        do: "putByDigest",
        repository,
        manifest,
        claim,
        which,
        tags,
      })),
  ],
  [8, fc.record({ do: fc.constant("pushImage"), repository, manifest, tag })],
  [5, fc.record({ do: fc.constant("deleteManifest"), repository, reference })],
  [4, fc.record({ do: fc.constant("readManifest"), repository, reference })],
  [
    4,
    fc.record({
      do: fc.constant("listTags"),
      repository,
      n: fc.option(fc.nat(5), { nil: undefined }),
      last: fc.option(fc.oneof(tag, fc.constant("A")), { nil: undefined }),
    }),
  ],
  [
    4,
    fc.record({
      do: fc.constant("referrers"),
      repository,
      subject: fc.nat(2),
      which,
      artifactType: fc.option(fc.constantFrom(...artifactTypes), { nil: undefined }),
    }),
  ],
  [2, fc.record({ do: fc.constant("deleteRepository"), repository })],
  [2, fc.record({ do: fc.constant("catalog") })],
  [1, fc.record({ do: fc.constant("restart") })],
] as readonly (readonly [number, fc.Arbitrary<Command>])[];

export const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary }))),
  { minLength: 1, maxLength: 60, size: "max" },
);
