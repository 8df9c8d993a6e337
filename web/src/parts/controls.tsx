import type { ButtonHTMLAttributes, ComponentChildren, InputHTMLAttributes } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon, type IconName } from "./icons";

type ButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon"> & { icon: IconName; label: string };

/** A button that shows an icon and says its label. */
export const IconButton = ({ icon, label, class: more = "", ...rest }: ButtonProps) => (
  <button type="button" class={`icon-button ${more as string}`} aria-label={label} title={label} {...rest}>
    <Icon name={icon} />
  </button>
);

export const Spinner = () => <span class="spinner" aria-hidden="true" />;

export function Field({
  label, error, hint, ...rest
}: { label: string; error?: string | undefined; hint?: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  const described = error || hint ? `${id}-note` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} aria-invalid={error ? true : undefined} aria-describedby={described} {...rest} />
      {(error || hint) && <p id={described} class={error ? "field-error" : "field-hint"}>{error || hint}</p>}
    </div>
  );
}

/** A modal dialog; `Esc` and the backdrop close it, and focus goes back to where it was. */
export function Dialog({
  title, onClose, children, class: more = "",
}: { title: string; onClose(): void; children: ComponentChildren; class?: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    ref.current?.showModal();
    return () => ref.current?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class={more}
      aria-labelledby={id}
      onCancel={(event) => (event.preventDefault(), onClose())}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={t("action.close")} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Confirm({
  title, text, action, onYes, onNo,
}: { title: string; text: string; action: string; onYes(): void; onNo(): void }) {
  return (
    <Dialog title={title} onClose={onNo} class="small">
      <p>{text}</p>
      <footer>
        <button type="button" class="quiet" onClick={onNo}>{t("action.keep")}</button>
        <button type="button" class="danger" onClick={onYes}>{action}</button>
      </footer>
    </Dialog>
  );
}

export interface Choice { label: string; icon: IconName; danger?: boolean; act(): void }

/** A button that opens a menu (WAI-ARIA menu button). */
export function Menu({ label, choices }: { label: string; choices: Choice[] }) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const items = () => [...(root.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  useEffect(() => {
    if (!open) return;
    items()[0]?.focus();
    const away = (event: Event) => !root.current?.contains(event.target as Node) && setOpen(false);
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const close = () => (setOpen(false), root.current?.querySelector("button")?.focus());
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") (event.stopPropagation(), close());
    if (event.key === "Tab") setOpen(false);
    if (!step) return;
    event.preventDefault();
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    all[(at + step + all.length) % all.length]?.focus();
  };
  return (
    <div class="menu" ref={root} onKeyDown={open ? onKeyDown : undefined}>
      <IconButton icon="more" label={label} aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <ul role="menu" aria-label={label}>
          {choices.map((choice) => (
            <li role="none" key={choice.label}>
              <button
                type="button" role="menuitem" tabIndex={-1} class={choice.danger ? "danger-text" : ""}
                onClick={() => (close(), choice.act())}
              >
                <Icon name={choice.icon} size={18} />
                {choice.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export const Empty = ({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <span class="empty-icon"><Icon name={icon} size={28} /></span>
    <h2>{title}</h2>
    {children}
  </div>
);
