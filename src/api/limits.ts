/* Limits of the lists in answers: the catalog keeps them, and the schemas declare them. */

/** Platforms of one tag. The largest indexes of real images have about 30. */
export const imagesAtMost = 100;
/** Layers of one image. Container runtimes accept up to 127. */
export const imageLayersAtMost = 500;
/** Layers in one list of a diff of two tags. */
export const diffLayersAtMost = 500;
/** Fields of the image configuration in a diff of two tags. */
export const diffFieldsAtMost = 1000;
/** Referrers of one tag and its images. The registry API lists all of them. */
export const referrersAtMost = 200;
/** The last subject may add up to 3 referrers under cosign's tags. */
export const shownReferrersAtMost = referrersAtMost + 3;
/** Tags that are tested against an expression for immutable tags. */
export const triedTagsAtMost = 10_000;
/** Entries of one index, and steps of one image, in the answer for a manifest. */
export const childrenAtMost = 500;
export const stepsAtMost = 1000;
/** Entries of each list in the configuration of an image: `Env`, `Labels` and others. */
export const configListAtMost = 1000;
/** Layers of one referrer whose documents are read. */
export const referrerLayersAtMost = 20;
/** Subjects of one statement, identities of one certificate, and programs that made one SBOM. */
export const referrerListAtMost = 20;
/** What a build used, in the answer for its provenance. */
export const materialsAtMost = 100;
/** URLs of one layer. */
export const layerUrlsAtMost = 20;
/** Bytes of a manifest whose text is in an answer. */
export const rawManifestBytesAtMost = 4 * 1024 * 1024;
/** Sessions of browsers of one account. */
export const sessionsAtMost = 100;
/** Namespaces of the signed-in user. */
export const ownNamespacesAtMost = 1000;
/** Users whose names begin with a prefix. */
export const lookedUpAtMost = 10;
/** Tags of one repository that are sorted or filtered without an index. */
export const sortedTagsAtMost = 100_000;
/** Other tags with the digest of a tag. */
export const aliasesAtMost = 20;
/** Teams with a permission on a repository. */
export const accessTeamsAtMost = 500;
/** Reasons for the permission of one user. */
export const accessReasonsAtMost = 50;
/** Findings of one job. */
export const findingsAtMost = 1_000;
/** Blobs of a mirror that are evicted next. */
export const evictedNextAtMost = 20;
/** Pinned images, and schedules, of one mirror. */
export const pinsAtMost = 1_000;
export const schedulesAtMost = 1_000;
/** Mirrors that the API has added, and entries of each list in their settings. */
export const mirrorsAddedAtMost = 100;
export const mirrorListAtMost = 50;
/** Tags that one request deletes. */
export const deletedTagsAtMost = 1_000;
/** Repositories of a namespace whose pulls are added up. */
export const addedRepositoriesAtMost = 10_000;
/** Repositories with the most bytes of their own. */
export const largestRepositoriesAtMost = 10;
/** Pushed tags of one day. */
export const pushedTagsAtMost = 10;
/** Namespaces in one search. */
export const searchedNamespacesAtMost = 100;
/** Values of each facet of a search. */
export const facetValuesAtMost = 50;
/** Webhooks of the server, of one namespace or of one repository. */
export const webhooksAtMost = 50;
/** Characters of the answer of a receiver, and of the body of a delivery. */
export const receiverAnswerAtMost = 4_096;
export const deliveryBodyAtMost = 16_384;
/** Rules of one retention policy. */
export const retentionRulesAtMost = 20;
/** Tags and manifests in the plan of a retention policy. */
export const plannedAtMost = 1_000;

/** Characters of the reason of read-only mode. */
export const readOnlyReasonAtMost = 200;
