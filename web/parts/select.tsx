import { useId } from "preact/hooks";

interface Choice<V extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: V, text: string])[];
  readonly value: V;
  readonly onValue: (value: V) => void;
  readonly required?: boolean;
  readonly disabled?: boolean;
  /** Id of the control, if a label is shown for it. */
  readonly id?: string;
  /** Id of the element that explains the choice. */
  readonly describedBy?: string | undefined;
}

/** A choice from a list, in a row or a toolbar: its label is read aloud and not shown. */
export const Select = <V extends string>({
  label,
  options,
  value,
  onValue,
  describedBy,
  ...select
}: Choice<V>) => (
  <select
    {...select}
    class="select"
    aria-label={select.id === undefined ? label : undefined}
    aria-describedby={describedBy}
    value={value}
    onChange={({ currentTarget }) => onValue(currentTarget.value as V)}
  >
    {options.map(([one, text]) => (
      <option key={one} value={one}>
        {text}
      </option>
    ))}
  </select>
);

/** The same in a form, below its label. */
export function SelectField<V extends string>(choice: Choice<V>) {
  const id = useId();
  return (
    <div class="field">
      <label htmlFor={id}>{choice.label}</label>
      <Select {...choice} id={id} />
    </div>
  );
}
