/** Responses about tags (docs/api.md). */
export interface ImageOfTag {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly os_version: string | null;
  readonly digest: string;
  readonly size: number;
}

export interface TagAnswer {
  readonly name: string;
  readonly digest: string;
  readonly media_type: string;
  readonly last_updated: string;
  readonly last_updater: string | null;
  readonly pull_count: number;
  readonly last_pulled: string | null;
  readonly size: number;
  readonly images: readonly ImageOfTag[];
  /** The number of all images; `images` has the first 100. */
  readonly image_count: number;
  readonly referrers?: readonly {
    readonly digest: string;
    readonly artifact_type: string | null;
    readonly media_type: string;
    readonly size: number;
    readonly tag: string | null;
  }[];
}

export interface TagMoveAnswer {
  readonly digest: string | null;
  readonly actor: string | null;
  readonly changed_at: string;
  readonly is_here: boolean;
}

interface LayerAnswer {
  readonly digest: string;
  readonly size: number;
}

export interface Difference {
  readonly from: { readonly tag: string; readonly size: number; readonly image: ImageOfTag };
  readonly to: { readonly tag: string; readonly size: number; readonly image: ImageOfTag };
  readonly layers: Readonly<Record<"shared" | "added" | "removed", readonly LayerAnswer[]>>;
  readonly layer_counts: Readonly<Record<"shared" | "added" | "removed", number>>;
  readonly size_change: number;
  readonly download_size: number;
  readonly config: readonly {
    readonly field: string;
    readonly from: unknown;
    readonly to: unknown;
  }[];
  readonly config_change_count: number;
}

/** `linux/arm64/v8`, `windows/amd64 10.0.20348.2762` */
export function platformOf({ os, architecture, variant, os_version }: ImageOfTag): string {
  const platform = [os || "?", architecture || "?", ...(variant === null ? [] : [variant])];
  return `${platform.join("/")}${os_version === null ? "" : ` ${os_version}`}`;
}

/** All platforms of a tag in one line. */
export function platformsOf({ images, image_count }: TagAnswer): string {
  const more = image_count - images.length;
  return [...images.map(platformOf), ...(more > 0 ? [`… and ${more} more`] : [])].join(", ");
}
