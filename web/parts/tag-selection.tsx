import { useState } from "preact/hooks";
import type { TagFilterOfList } from "../addresses.ts";
import type { TagSelection } from "../dialogs/delete-tags.tsx";
import { tags as words } from "../words/repository.ts";
import { lazy } from "./lazy.tsx";

const DeleteTags = lazy(async () => (await import("../dialogs/delete-tags.tsx")).DeleteTags);

/**
 * The selected tags of a list: single ones, also of several pages, or all that match its filter. Another filter ends the
 * selection of all.
 * @param shown the tags of the page
 */
export function useTagSelection(filter: TagFilterOfList, shown: readonly string[]) {
  const key = JSON.stringify(filter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [allOf, setAllOf] = useState<string>();
  const isAll = allOf === key;
  const set = (tags: Iterable<string>) => {
    setAllOf(undefined);
    setSelected(new Set(tags));
  };
  const has = (tag: string) => isAll || selected.has(tag);
  const isPage = shown.length > 0 && shown.every(has);
  return {
    ...{ has, isAll, isPage, size: selected.size },
    selection: (isAll ? filter : { tags: [...selected] }) as TagSelection,
    toggle: (tag: string) => {
      const tags = new Set(isAll ? shown : selected);
      if (!tags.delete(tag)) tags.add(tag);
      set(tags);
    },
    togglePage: () => {
      if (!isPage) return set([...selected, ...shown]);
      set(isAll ? [] : [...selected].filter((tag) => !shown.includes(tag)));
    },
    selectAll: () => setAllOf(key),
    clear: () => set([]),
  };
}

/** The number of selected tags, and what can be done with them. */
export function SelectionBar({
  name,
  chosen,
  matching,
}: {
  readonly name: string;
  readonly chosen: ReturnType<typeof useTagSelection>;
  /** The number of tags that match the filter of the list. */
  readonly matching: number;
}) {
  const [isDeleting, setDeleting] = useState(false);
  const size = chosen.isAll ? matching : chosen.size;
  if (size === 0 && !isDeleting) return null;
  return (
    <div class="toolbar">
      <span role="status" class="num">
        {words.chosen(size)}
      </span>
      {!chosen.isAll && matching > chosen.size && (
        <button type="button" class="btn small" onClick={chosen.selectAll}>
          {words.selectAll(matching)}
        </button>
      )}
      <button type="button" class="btn small quiet" onClick={chosen.clear}>
        {words.clear}
      </button>
      <button type="button" class="btn danger" onClick={() => setDeleting(true)}>
        {words.delete}
      </button>
      {isDeleting && (
        <DeleteTags
          name={name}
          selection={chosen.selection}
          onClose={(isDone) => {
            setDeleting(false);
            if (isDone) chosen.clear();
          }}
        />
      )}
    </div>
  );
}

/** The box of a row, or that of all rows of the page. */
export const SelectBox = ({
  label,
  isChecked,
  onChange,
}: {
  readonly label: string;
  readonly isChecked: boolean;
  readonly onChange: () => void;
}) => (
  <input type="checkbox" class="check" aria-label={label} checked={isChecked} onChange={onChange} />
);
