import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { graphql } from "../../client/graphql";
import { toast } from "../app";
import { accepted, api, explain, mutate, useQuery } from "../data";
import { askAbout } from "../chat";
import { bytes, date, percent, t, type Key } from "../i18n";
import {
  cancelAllSendings, cancelSending, changed, decide, Documents, resend, send, sendings, type Doc, type Sending,
} from "../library";
import { Confirm, Dialog, Empty, Field, IconButton, Menu, Spinner, type Choice } from "../parts/controls";
import { Icon } from "../parts/icons";
import { view } from "../viewer";
import { go } from "../router";

const Retry = graphql(`
  mutation Retry($id: ID!) {
    retryIngestion(documentId: $id) {
      __typename
      ... on RetriedIngestion { document { id status progress { version stage fraction message failure { code message advice } } } }
      ... on Error { message }
    }
  }
`);
const Cancel = graphql(`
  mutation Cancel($id: ID!) {
    cancelIngestion(documentId: $id) {
      __typename
      ... on CancelledIngestion { document { id status progress { version stage fraction message failure { code message advice } } } }
      ... on Error { message }
    }
  }
`);
const Delete = graphql(`
  mutation Delete($id: ID!) {
    deleteDocument(id: $id) { __typename ... on Error { message } }
  }
`);
const Rename = graphql(`
  mutation RenameDocument($input: RenameDocumentInput!) {
    renameDocument(input: $input) {
      __typename
      ... on RenamedDocument { document { id filename } }
      ... on Error { message }
    }
  }
`);
const Download = graphql(`query Download($id: ID!) { document(id: $id) { id downloadUrl } }`);

const PAGE = 60;
const STATES = {
  all: null,
  ready: ["READY", "SEARCHABLE"],
  working: ["PENDING", "PROCESSING", "SEARCHABLE"],
  failed: ["FAILED", "CANCELLED"],
} as const;
type State = keyof typeof STATES;
const FILTERS: Record<State, Key> = {
  all: "library.all",
  ready: "library.ready",
  working: "library.working",
  failed: "library.failed_filter",
};

export function LibraryScreen() {
  const search = useSignal("");
  const state = useSignal<State>("all");
  const pages = useSignal<(string | null)[]>([null]);
  const selected = useSignal<Map<string, Doc>>(new Map());
  const deleting = useSignal<Doc[] | null>(null);
  const renaming = useSignal<Doc | null>(null);
  const variables = {
    first: PAGE,
    status: STATES[state.value] as Doc["status"][] | null,
    search: search.value.trim() || null,
  };
  const last = pages.value.at(-1) ?? null;
  const { data, error, loading, reload } = useQuery(Documents, { ...variables, after: last });
  const documents = data?.documents?.edges.map(({ node }) => node).filter(Boolean) ?? [];
  const more = data?.documents?.pageInfo.hasNextPage ? data.documents.pageInfo.endCursor : null;
  const filtered = variables.search !== null || variables.status !== null;

  useEffect(() => {
    if (!changed.value) return;
    const timer = setTimeout(() => ((pages.value = [null]), reload()), 250);
    return () => clearTimeout(timer);
  }, [changed.value]);

  const filter = (change: () => void) => {
    change();
    pages.value = [null];
    selected.value = new Map();
  };
  const remove = async (gone: Doc[]) => {
    deleting.value = null;
    const results = await Promise.all(gone.map(({ id }) => mutate(Delete, { id })));
    if (results.every((result) => result?.deleteDocument?.__typename === "DeletedDocument")) {
      toast(t("library.deleted", { n: gone.length }));
    }
    selected.value = new Map();
    reload();
  };

  return (
    <section class="page library" aria-labelledby="library-title">
      <header class="page-head">
        <h1 id="library-title">{t("nav.library")}</h1>
        <AddFiles />
      </header>
      <Sendings />
      <div class="toolbar">
        <label class="search-box">
          <Icon name="search" size={18} />
          <input
            type="search" aria-label={t("library.find")} placeholder={t("library.find")} value={search.value}
            onInput={(event) => filter(() => (search.value = event.currentTarget.value))}
          />
        </label>
        <div class="segments" role="group" aria-label={t("library.filter")}>
          {(Object.keys(STATES) as State[]).map((name) => (
            <button key={name} type="button" aria-pressed={state.value === name} onClick={() => filter(() => (state.value = name))}>
              {t(FILTERS[name])}
            </button>
          ))}
        </div>
      </div>
      {selected.value.size > 0 && (
        <div class="selection" role="toolbar" aria-label={t("library.selected", { n: selected.value.size })}>
          <span>{t("library.selected", { n: selected.value.size })}</span>
          <button type="button" onClick={() => askAbout([...selected.value.values()])}><Icon name="chat" size={18} />{t("library.ask")}</button>
          <button type="button" onClick={() => (deleting.value = [...selected.value.values()])}><Icon name="trash" size={18} />{t("action.delete")}</button>
          <IconButton icon="close" label={t("library.unselect")} onClick={() => (selected.value = new Map())} />
        </div>
      )}
      {error && !data?.documents ? (
        <Empty icon="warn" title={explain(error)}><button type="button" onClick={reload}>{t("action.retry")}</button></Empty>
      ) : documents.length === 0 && !loading ? (
        filtered ? (
          <Empty icon="search" title={t("library.none_found")} />
        ) : (
          <Empty icon="book" title={t("library.empty")}><p>{t("library.empty_hint")}</p></Empty>
        )
      ) : (
        <ul class="documents" aria-label={t("nav.library")} aria-busy={loading}>
          {documents.map((document) => (
            <Row
              key={document.id} document={document} selected={selected.value.has(document.id)}
              onSelect={(on) => {
                const next = new Map(selected.value);
                if (on) next.set(document.id, document);
                else next.delete(document.id);
                selected.value = next;
              }}
              onRename={() => (renaming.value = document)}
              onDelete={() => (deleting.value = [document])}
            />
          ))}
        </ul>
      )}
      {loading && !data && <div class="chat-state"><Spinner />{t("state.loading")}</div>}
      {more && <More key={more} onSeen={() => (pages.value = [...pages.value, more])} />}
      {deleting.value && (
        <Confirm
          title={t("library.delete_title", { n: deleting.value.length, name: deleting.value[0]!.filename })}
          text={t("library.delete_text")} action={t("action.delete")}
          onYes={() => void remove(deleting.value!)} onNo={() => (deleting.value = null)}
        />
      )}
      {renaming.value && <RenameDialog document={renaming.value} onClose={() => (renaming.value = null)} />}
    </section>
  );
}

function AddFiles() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = (event: { currentTarget: HTMLInputElement }) => {
    send(event.currentTarget.files ?? []);
    event.currentTarget.value = "";
  };
  return (
    <div class="add">
      <button type="button" onClick={() => folder.current?.click()}><Icon name="folder" size={18} />{t("library.add_folder")}</button>
      <button type="button" class="primary" onClick={() => files.current?.click()}><Icon name="upload" size={18} />{t("library.add")}</button>
      <input ref={files} type="file" multiple hidden aria-label={t("library.add")} onChange={take} />
      <input ref={(input) => { folder.current = input; if (input) input.webkitdirectory = true; }} type="file" hidden aria-label={t("library.add_folder")} onChange={take} />
    </div>
  );
}

function Sendings() {
  const all = sendings.value;
  const waiting = useComputed(() => sendings.value.filter(({ state }) => state === "waiting").length);
  if (!all.length) return null;
  return (
    <section class="sendings" aria-label={t("library.sending_title")}>
      <header>
        <h2>{t("library.sending", { n: all.length })}</h2>
        <button type="button" class="link" onClick={cancelAllSendings}>{t(waiting.value || all.some(({ state }) => state === "sending") ? "library.cancel_all" : "action.close")}</button>
      </header>
      <ul>
        {all.filter(({ state }) => state !== "waiting").map((one) => <SendingRow key={one.key} one={one} />)}
      </ul>
      {all.filter(({ state }) => state === "taken").length > 1 && (
        <p class="actions">
          <button type="button" class="small-button" onClick={() => decide("REPLACE")}>{t("library.replace_all")}</button>
          <button type="button" class="small-button" onClick={() => decide("KEEP_BOTH")}>{t("library.keep_all")}</button>
        </p>
      )}
      {waiting.value > 0 && <p class="fine">{t("library.waiting", { n: waiting.value })}</p>}
    </section>
  );
}

function SendingRow({ one }: { one: Sending }) {
  const { key, file, state, fraction, message } = one;
  return (
    <li class={state}>
      <span class="row-name" dir="auto">{file.name}</span>
      {state === "sending" ? (
        <>
          <progress value={fraction} aria-label={file.name} />
          <span class="row-note">{percent(fraction)}</span>
        </>
      ) : (
        <span class="row-note">{message}</span>
      )}
      {state === "taken" && (
        <span class="row-choices">
          <button type="button" class="small-button" onClick={() => decide("REPLACE", key)}>{t("library.replace")}</button>
          <button type="button" class="small-button" onClick={() => decide("KEEP_BOTH", key)}>{t("library.keep_both")}</button>
        </span>
      )}
      {state === "failed" && <IconButton icon="retry" label={t("action.retry")} onClick={() => resend(key)} />}
      <IconButton icon="close" label={t("library.cancel", { name: file.name })} onClick={() => cancelSending(key)} />
    </li>
  );
}

const kindOf = (mediaType: string, filename: string) => {
  const ending = /\.([a-z0-9]{1,5})$/i.exec(filename)?.[1] ?? mediaType.split("/")[1] ?? "";
  return ending.slice(0, 4).toUpperCase();
};

function Row({
  document, selected, onSelect, onRename, onDelete,
}: { document: Doc; selected: boolean; onSelect(on: boolean): void; onRename(): void; onDelete(): void }) {
  const { id, filename, mediaType, byteSize, status, pageCount, createdAt, progress, warnings } = document;
  const working = status === "PENDING" || status === "PROCESSING" || status === "SEARCHABLE";
  const broken = status === "FAILED" || status === "CANCELLED";
  const readable = status === "READY" || status === "SEARCHABLE";
  const open = () => (readable ? view({ place: { document, page: 1 }, places: [] }) : go(`/documents/${id}`));
  const retry = async () => accepted((await mutate(Retry, { id }))?.retryIngestion);
  const cancel = async () => accepted((await mutate(Cancel, { id }))?.cancelIngestion);
  const choices: Choice[] = [
    ...(readable ? [{ label: t("library.ask"), icon: "chat" as const, act: () => askAbout([document]) }] : []),
    { label: t("document.about"), icon: "file", act: () => go(`/documents/${id}`) },
    { label: t("action.download"), icon: "download", act: () => void download(id) },
    { label: t("action.rename"), icon: "edit", act: onRename },
    ...(working ? [{ label: t("action.cancel"), icon: "stop" as const, act: () => void cancel() }] : []),
    { label: t("action.delete"), icon: "trash", danger: true, act: onDelete },
  ];
  return (
    <li class={`document ${status.toLowerCase()}`}>
      <input type="checkbox" aria-label={t("library.select", { name: filename })} checked={selected} onChange={(event) => onSelect(event.currentTarget.checked)} />
      <span class={`kind kind-${kindOf(mediaType, filename).toLowerCase()}`} aria-hidden="true">{kindOf(mediaType, filename)}</span>
      <div class="document-body">
        <button type="button" class="document-name" dir="auto" onClick={open}>{filename}</button>
        {working && (
          <div class="document-progress">
            <progress value={progress.fraction} aria-label={t("library.reading", { name: filename })} />
            <span>{status === "PENDING" ? t("stage.waiting") : t(`stage.${progress.stage}` as Key)} · {percent(progress.fraction)}</span>
          </div>
        )}
        {broken && (
          <p class="document-failure">
            {progress.failure ? <>{progress.failure.message} {progress.failure.advice}</> : t("library.cancelled")}
          </p>
        )}
        {readable && !working && (
          <p class="document-meta">
            {pageCount !== null && <span>{t("page.count", { n: pageCount })}</span>}
            <span>{bytes(byteSize)}</span>
            <span>{date(createdAt)}</span>
            {warnings.length > 0 && (
              <a class="document-notes" href={`/documents/${id}`}>{t("library.warnings", { n: warnings.length })}</a>
            )}
          </p>
        )}
      </div>
      {broken && <button type="button" class="small-button" onClick={() => void retry()}><Icon name="retry" size={16} />{t("action.retry")}</button>}
      {working && <IconButton icon="stop" label={t("library.cancel", { name: filename })} onClick={() => void cancel()} />}
      <Menu label={t("action.more", { name: filename })} choices={choices} />
    </li>
  );
}

export async function download(id: string): Promise<void> {
  const { data, error } = await api.value.urql.query(Download, { id }, { requestPolicy: "network-only" }).toPromise();
  if (data?.document?.downloadUrl) location.assign(data.document.downloadUrl);
  else toast(error ? explain(error) : t("document.missing"), true);
}

function RenameDialog({ document, onClose }: { document: Doc; onClose(): void }) {
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const filename = String(new FormData(event.currentTarget as HTMLFormElement).get("filename"));
    const done = await mutate(Rename, { input: { id: document.id, filename } });
    if (accepted(done?.renameDocument)) onClose();
  };
  return (
    <Dialog title={t("action.rename")} onClose={onClose} class="small">
      <form onSubmit={(event) => void submit(event)}>
        <Field label={t("library.name")} name="filename" defaultValue={document.filename} required maxLength={255} dir="auto" />
        <footer>
          <button type="button" class="quiet" onClick={onClose}>{t("action.cancel")}</button>
          <button class="primary">{t("action.rename")}</button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Asks for the next page when the end of the list comes near. */
function More({ onSeen }: { onSeen(): void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver(([entry]) => entry!.isIntersecting && onSeen(), { rootMargin: "800px" });
    watcher.observe(ref.current!);
    return () => watcher.disconnect();
  }, []);
  return <div ref={ref} class="chat-state"><Spinner /></div>;
}
