import { useId, useRef } from "preact/hooks";
import type { Citation } from "../../client/chat";
import { t } from "../i18n";
import { sameWords, shortName, viewCitation, viewing } from "../viewer";

/** What a sentence rests on: shows the quote on hover and focus, and opens it in its document. */
export function CitationChip({
  citation, all, messageId, single,
}: { citation: Citation; all(): Citation[]; messageId: string; single: boolean }) {
  const id = useId();
  const tip = useRef<HTMLSpanElement>(null);
  const { filename, pageNumber, quote, document: source, version } = citation;
  const open = viewing.value?.place.citation;
  const current = open !== undefined && sameWords(open, citation);
  const page = t("page.short", { n: pageNumber });

  const show = (event: Event) => {
    const box = tip.current!;
    box.showPopover?.();
    const at = (event.currentTarget as Element).getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = box;
    const left = Math.max(8, Math.min(at.left, innerWidth - width - 8));
    const above = at.top - height - 8;
    box.style.left = `${left}px`;
    box.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const hide = () => tip.current?.matches(":popover-open") && tip.current.hidePopover();

  return (
    <>
      <button
        type="button" class={`chip ${citation.verified ? "" : "unverified"}`} aria-describedby={id}
        aria-current={current || undefined}
        aria-label={`${shortName(filename)}, ${page}`} aria-disabled={source ? undefined : true}
        onClick={() => (hide(), viewCitation(citation, all(), messageId))}
        onMouseEnter={show} onMouseLeave={hide} onFocus={show} onBlur={hide}
        onKeyDown={(event) => event.key === "Escape" && hide()}
      >
        {!single && <span class="chip-name" dir="auto">{shortName(filename)}</span>}
        <span>{page}</span>
      </button>
      <span ref={tip} id={id} class="quote-tip" popover="manual">
        <span class="quote-tip-source">{filename} · {page}</span>
        <span class="quote-tip-quote" dir="auto">{quote}</span>
        {!source && <span class="quote-tip-note">{t("chat.source_deleted")}</span>}
        {version && !version.isLatest && <span class="quote-tip-note">{t("viewer.old_version", { n: version.number })}</span>}
        {source && !citation.verified && <span class="quote-tip-note">{t("citation.unverified")}</span>}
      </span>
    </>
  );
}
