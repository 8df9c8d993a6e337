import "./viewer.css";
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { graphql } from "../../client/graphql";
import { wide } from "../app";
import { api, explain, useQuery } from "../data";
import { number, percent, t } from "../i18n";
import { Empty, IconButton, Spinner } from "../parts/controls";
import { Icon } from "../parts/icons";
import { download } from "../screens/library";
import { closeViewer, view as open, viewing, type Place, type Viewing } from "../viewer";
import { PdfView } from "./pdf";
import { PageText, type Span } from "./text";
import { findPage, highlight, unhighlight, type PagedView } from "./view";

const Inline = graphql(`
  query Inline($id: ID!) {
    node(id: $id) {
      __typename
      ... on Document { id downloadUrl(disposition: INLINE) }
      ... on DocumentVersion { id downloadUrl(disposition: INLINE) }
    }
  }
`);
const PageOf = graphql(`
  query PageOf($id: ID!, $number: Int!) {
    node(id: $id) {
      __typename
      ... on Document { id page(number: $number) { number text } }
      ... on DocumentVersion { id page(number: $number) { number text } }
    }
  }
`);
const Version = graphql(`
  query Version($id: ID!) { node(id: $id) { __typename ... on DocumentVersion { id number isLatest } } }
`);
const Passages = graphql(`
  query Passages($id: ID!) {
    node(id: $id) {
      __typename
      ... on Message { id passages { id spans { page start end } boxes { page x y width height } } }
    }
  }
`);

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];

export function Viewer() {
  const shown = viewing.value!;
  const { place, places } = shown;
  const { document: source } = place;
  const root = useRef<HTMLElement>(null);
  const paged = useRef<PagedView | null>(null);
  const page = useSignal(place.page);
  const count = useSignal(source.pageCount ?? 1);
  const zoom = useSignal(1);
  const finding = useSignal(false);
  const at = places.indexOf(place);
  const key = place.version?.id ?? source.id;

  useEffect(() => {
    root.current?.focus({ preventScroll: true });
  }, [shown]);
  useEffect(() => {
    if (wide.value) return;
    const modal = root.current!;
    const others = [...modal.parentElement!.children].filter((one) => one !== modal) as HTMLElement[];
    for (const one of others) one.inert = true;
    return () => others.forEach((one) => (one.inert = false));
  }, [wide.value]);

  const step = (by: number) => open({ ...shown, place: places[at + by]! });
  const onKeyDown = (event: KeyboardEvent) => {
    const typing = (event.target as Element).matches("input");
    if (event.key === "Escape") {
      event.stopPropagation();
      if (finding.value) finding.value = false;
      else closeViewer();
    }
    if (typing) return;
    if (event.key === "n" && at < places.length - 1) step(1);
    if (event.key === "p" && at > 0) step(-1);
  };
  const goTo = async (number: number) => {
    await paged.current?.show(number);
    paged.current?.element(number)?.scrollIntoView({ block: "start" });
  };
  const zoomBy = (by: number) => (zoom.value = ZOOMS[Math.max(0, Math.min(ZOOMS.length - 1, ZOOMS.indexOf(zoom.value) + by))]!);

  return (
    <aside class="viewer" ref={root} tabIndex={-1} aria-label={t("viewer.title", { name: source.filename })} onKeyDown={onKeyDown}>
      <header class="viewer-head">
        <IconButton icon={wide.value ? "close" : "back"} label={t("viewer.close")} onClick={closeViewer} />
        <h2 dir="auto"><a href={`/documents/${source.id}`}>{source.filename}</a></h2>
        <IconButton icon="search" label={t("viewer.find")} aria-expanded={finding.value} onClick={() => (finding.value = !finding.value)} />
        <IconButton icon="download" label={t("action.download")} onClick={() => void download(source.id)} />
      </header>
      <div class="viewer-tools">
        <span class="viewer-page">
          <label>
            <span class="visually-hidden">{t("viewer.page")}</span>
            <input
              type="number" min={1} max={count.value} value={page.value}
              onChange={(event) => void goTo(Math.max(1, Math.min(count.value, Number(event.currentTarget.value) || 1)))}
            />
          </label>
          / {number(count.value)}
        </span>
        <span class="viewer-zoom">
          <IconButton icon="zoomOut" label={t("viewer.zoom_out")} disabled={zoom.value === ZOOMS[0]} onClick={() => zoomBy(-1)} />
          <span>{percent(zoom.value)}</span>
          <IconButton icon="zoomIn" label={t("viewer.zoom_in")} disabled={zoom.value === ZOOMS.at(-1)} onClick={() => zoomBy(1)} />
        </span>
        {places.length > 1 && (
          <span class="viewer-citations">
            <IconButton icon="back" label={t("viewer.previous")} disabled={at <= 0} onClick={() => step(-1)} />
            <span>{t("viewer.citation", { at: at + 1, of: places.length })}</span>
            <IconButton icon="next" label={t("viewer.next")} disabled={at >= places.length - 1} onClick={() => step(1)} />
          </span>
        )}
      </div>
      {finding.value && <Find paged={paged} page={page.value} onClose={() => (finding.value = false)} />}
      {place.version && <OldVersion id={place.version.id} />}
      {place.quote && place.citation && !place.citation.verified && (
        <p class="notice"><Icon name="warn" size={18} />{t("citation.unverified")}</p>
      )}
      {source.mediaType === "application/pdf" ? (
        <Pdf key={key} shown={shown} page={page} count={count} zoom={zoom.value} paged={paged} />
      ) : (
        <Text key={key} shown={shown} page={page} zoom={zoom.value} paged={paged} count={count.value} />
      )}
    </aside>
  );
}

/** Says so when what is shown has been replaced since. */
function OldVersion({ id }: { id: string }) {
  const { data } = useQuery(Version, { id });
  if (data?.node?.__typename !== "DocumentVersion" || data.node.isLatest) return null;
  return <p class="notice"><Icon name="history" size={18} />{t("viewer.old_version", { n: data.node.number })}</p>;
}

interface BodyProps {
  shown: Viewing;
  page: { value: number };
  zoom: number;
  paged: { current: PagedView | null };
}

/** What the answerer read around the quote; lighter than the quote itself. */
function usePassage({ place, messageId }: Viewing) {
  const index = place.citation?.index;
  const { data } = useQuery(Passages, { id: messageId ?? "" }, { pause: !messageId, policy: "cache-first" });
  if (!messageId || !index || data?.node?.__typename !== "Message") return null;
  return data.node.passages[index - 1] ?? null;
}

function Pdf({ shown, page, count, zoom, paged }: BodyProps & { count: { value: number } }) {
  const container = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<PdfView | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const { place } = shown;
  const id = place.version?.id ?? place.document.id;
  const passage = usePassage(shown);

  useEffect(() => {
    let opened: PdfView | null = null;
    let gone = false;
    void (async () => {
      const { data, error } = await api.value.urql.query(Inline, { id }, { requestPolicy: "network-only" }).toPromise();
      if (gone) return;
      const url = data?.node && "downloadUrl" in data.node ? data.node.downloadUrl : null;
      if (!url) return setFailure(error ? explain(error) : t("document.missing"));
      try {
        const { pathname, search } = new URL(url);
        opened = await PdfView.open(pathname + search, container.current!, (n) => t("page.short", { n }));
        if (gone) return opened.close();
        paged.current = opened;
        count.value = opened.pageCount;
        setView(opened);
      } catch {
        if (!gone) setFailure(t("viewer.failed"));
      }
    })();
    return () => ((gone = true), opened?.close());
  }, [id]);

  useEffect(() => view?.setZoom(zoom), [view, zoom]);

  useEffect(() => {
    if (!view) return;
    const quote = place.boxes ?? [];
    view.mark({ quote, passage: passage && quote.length ? passage.boxes : [] });
  }, [view, place, passage]);

  useEffect(() => {
    if (!view) return;
    let moved = false;
    void view.show(place.page).then(() => {
      if (moved) return;
      const sheet = view.element(place.page);
      const first = place.boxes?.[0];
      const box = container.current!;
      const top = sheet ? sheet.offsetTop + (first ? first.y * sheet.clientHeight - box.clientHeight / 3 : -8) : 0;
      box.scrollTo({ top, left: first && sheet ? Math.max(0, first.x * sheet.clientWidth - 40) : 0 });
    });
    return () => (moved = true);
  }, [view, place]);

  const onScroll = () => (page.value = pageAt(container.current!));
  return (
    <>
      {failure && <Empty icon="warn" title={failure} />}
      {!view && !failure && <div class="chat-state"><Spinner />{t("state.loading")}</div>}
      <div class="sheets" ref={container} tabIndex={0} role="region" aria-label={place.document.filename} onScroll={onScroll} hidden={failure !== null} />
    </>
  );
}

function pageAt(container: HTMLElement): number {
  const line = container.scrollTop + container.clientHeight / 3;
  const sheets = [...container.children] as HTMLElement[];
  const after = sheets.findIndex((sheet) => sheet.offsetTop > line);
  return after < 0 ? sheets.length : Math.max(after, 1);
}

function Text({ shown, page, zoom, paged, count }: BodyProps & { count: number }) {
  const container = useRef<HTMLDivElement>(null);
  const { place } = shown;
  const { mediaType } = place.document;
  const id = place.version?.id ?? place.document.id;
  const passage = usePassage(shown);
  const texts = useRef(new Map<number, Promise<string>>());
  const load = (number: number) => {
    let text = texts.current.get(number);
    if (!text) {
      text = api.value.urql.query(PageOf, { id, number }).toPromise()
        .then(({ data }) => (data?.node && "page" in data.node ? (data.node.page?.text ?? "") : ""));
      texts.current.set(number, text);
    }
    return text;
  };
  useLayoutEffect(() => {
    const element = (number: number) => container.current?.querySelector<HTMLElement>(`[data-page="${number}"]`) ?? undefined;
    paged.current = { pageCount: count, element, text: load, show: async (number) => void (await load(number)) };
  }, [count]);

  const spansOn = (number: number): Span[] => [
    ...(place.span && passage ? passage.spans : [])
      .filter((span) => span.page === number)
      .map(({ start, end }): Span => ({ from: start, to: end, kind: "passage" })),
    ...(place.span && place.page === number ? [{ from: place.span.start, to: place.span.end, kind: "quote" } as Span] : []),
  ];
  const onScroll = () => (page.value = pageAt(container.current!));
  return (
    <div class="sheets text-sheets" ref={container} style={{ "--zoom": zoom }} tabIndex={0} role="region" aria-label={place.document.filename} onScroll={onScroll}>
      {Array.from({ length: count }, (_, i) => (
        <TextSheet
          key={i} number={i + 1} load={load} csv={mediaType === "text/csv"} place={place} spans={spansOn(i + 1)}
          label={count > 1 ? t("page.short", { n: i + 1 }) : null}
        />
      ))}
    </div>
  );
}

function TextSheet({
  number: n, load, csv, place, spans, label,
}: { number: number; load(n: number): Promise<string>; csv: boolean; place: Place; spans: Span[]; label: string | null }) {
  const ref = useRef<HTMLElement>(null);
  const [text, setText] = useState<string | null>(null);
  const wanted = place.page === n;
  useEffect(() => {
    let gone = false;
    const read = () => void load(n).then((found) => gone || setText(found));
    if (wanted) read();
    const watcher = new IntersectionObserver(([entry]) => entry!.isIntersecting && read(), { root: ref.current!.parentElement, rootMargin: "100% 0px" });
    watcher.observe(ref.current!);
    return () => ((gone = true), watcher.disconnect());
  }, [n, wanted]);
  useLayoutEffect(() => {
    if (!wanted || text === null) return;
    const mark = ref.current!.querySelector("mark.mark-quote");
    (mark ?? ref.current!).scrollIntoView({ block: mark ? "center" : "start" });
  }, [place, text !== null]);
  const key = JSON.stringify(spans);
  const [stable, setStable] = useState(spans);
  if (JSON.stringify(stable) !== key) setStable(spans);
  return (
    <section ref={ref} class={`sheet text-sheet ${text === null ? "unread" : ""}`} data-page={n} aria-label={label ?? undefined}>
      {label && <span class="sheet-number" aria-hidden="true">{label}</span>}
      {text !== null && <PageText text={text} csv={csv} spans={stable} />}
    </section>
  );
}

function Find({ paged, page, onClose }: { paged: { current: PagedView | null }; page: number; onClose(): void }) {
  const words = useSignal("");
  const found = useSignal<number | null | undefined>(undefined);
  useEffect(() => () => void unhighlight(), []);
  const find = async (step: 1 | -1, from: number) => {
    const view = paged.current;
    if (!view || !words.value.trim()) return;
    const hit = await findPage(view, words.value.trim(), from, step);
    found.value = hit;
    if (hit === null) return;
    await view.show(hit);
    view.element(hit)?.scrollIntoView({ block: "start" });
    requestAnimationFrame(() => highlight(view.element(hit)!, words.value.trim()));
  };
  const next = (step: 1 | -1) => {
    const count = paged.current?.pageCount ?? 1;
    const from = found.value ? ((found.value - 1 + step + count) % count) + 1 : page;
    void find(step, from);
  };
  return (
    <form class="find" role="search" onSubmit={(event) => (event.preventDefault(), next(1))}>
      <input
        type="search" aria-label={t("viewer.find")} placeholder={t("viewer.find")} value={words.value} ref={(input) => { if (input && !words.value) input.focus(); }}
        onInput={(event) => ((words.value = event.currentTarget.value), (found.value = undefined))}
      />
      <span role="status">{found.value === null ? t("viewer.not_found") : found.value ? t("page.short", { n: found.value }) : ""}</span>
      <IconButton icon="back" label={t("viewer.find_previous")} onClick={() => next(-1)} />
      <IconButton icon="next" label={t("viewer.find_next")} onClick={() => next(1)} />
      <IconButton icon="close" label={t("action.close")} onClick={onClose} />
    </form>
  );
}
