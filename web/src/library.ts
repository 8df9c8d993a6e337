import { effect, signal } from "@preact/signals";
import { graphql, type ResultOf } from "../client/graphql";
import { upload } from "../client/uploads";
import { say, session, user } from "./app";
import { api } from "./data";
import { newId } from "./chat";
import { t } from "./i18n";

export const DocumentFields = graphql(`
  fragment DocumentFields on Document {
    id filename mediaType byteSize status pageCount language createdAt
    warnings { message pages }
    progress { version stage fraction message failure { code message advice } }
  }
`);

export const Documents = graphql(
  `
    query Documents($first: Int!, $after: String, $status: [DocumentStatus!], $search: String) {
      documents(first: $first, after: $after, status: $status, search: $search) {
        edges { cursor node { ...DocumentFields } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [DocumentFields],
);

const LibraryProgress = graphql(
  `
    subscription LibraryProgress {
      libraryProgress { version status stage fraction document { ...DocumentFields } }
    }
  `,
  [DocumentFields],
);

export type Doc = ResultOf<typeof DocumentFields>;

/** A file on its way. */
export interface Sending {
  key: string;
  file: File;
  /** `taken`: another document has the name, and its owner has to say what becomes of it. */
  state: "waiting" | "sending" | "taken" | "failed" | "duplicate";
  onSameName: "REJECT" | "KEEP_BOTH" | "REPLACE";
  fraction: number;
  message?: string;
}

const AT_ONCE = 3;
const RETRY_MS = 2000;

export const sendings = signal<Sending[]>([]);
/** Counts up when documents came or went that no list knows yet. */
export const changed = signal(0);

const aborts = new Map<string, AbortController>();
const known = new Set<string>();

/** Sends files one after another, a few at once; each tells how it goes in `sendings`. */
export function send(files: Iterable<File>): void {
  const added = [...files].map((file): Sending => ({ key: newId(), file, state: "waiting", onSameName: "REJECT", fraction: 0 }));
  if (!added.length) return;
  sendings.value = [...sendings.value.filter(({ state }) => state !== "duplicate"), ...added];
  say(t("library.sending", { n: added.length }));
  pump();
}

export function resend(key: string): void {
  change(key, { state: "waiting", fraction: 0, message: undefined });
  pump();
}

/** What becomes of files under taken names: of one, or of all of them. */
export function decide(onSameName: "KEEP_BOTH" | "REPLACE", key?: string): void {
  for (const one of sendings.value) {
    if (one.state === "taken" && (!key || one.key === key)) change(one.key, { state: "waiting", fraction: 0, onSameName });
  }
  pump();
}

export function cancelSending(key: string): void {
  aborts.get(key)?.abort();
  sendings.value = sendings.value.filter((one) => one.key !== key);
  pump();
}

export function cancelAllSendings(): void {
  for (const { key } of sendings.peek()) aborts.get(key)?.abort();
  sendings.value = [];
}

function change(key: string, fields: Partial<Sending>): void {
  sendings.value = sendings.value.map((one) => (one.key === key ? { ...one, ...fields } : one));
}

function pump(): void {
  const busy = sendings.value.filter(({ state }) => state === "sending").length;
  for (const one of sendings.value.filter(({ state }) => state === "waiting").slice(0, AT_ONCE - busy)) {
    change(one.key, { state: "sending" });
    void deliver(one);
  }
}

async function deliver({ key, file, onSameName }: Sending): Promise<void> {
  const abort = new AbortController();
  aborts.set(key, abort);
  for (;;) {
    try {
      const result = await upload(session, file, {
        idempotencyKey: `${key} ${onSameName}`,
        onSameName,
        signal: abort.signal,
        onProgress: (fraction) => change(key, { fraction }),
      });
      if (result.__typename === "DuplicateDocument") {
        change(key, { state: "duplicate", message: t("library.duplicate", { name: result.document.filename }) });
      } else if (result.__typename === "NameTaken") {
        change(key, { state: "taken", message: t("library.taken") });
      } else if ("message" in result) {
        change(key, { state: "failed", message: result.message });
      } else {
        known.add(result.document.id);
        sendings.value = sendings.value.filter((one) => one.key !== key);
        changed.value++;
      }
      break;
    } catch {
      if (abort.signal.aborted || !user.value) break;
      change(key, { fraction: 0 });
      await new Promise((wake) => setTimeout(wake, RETRY_MS)); // the key makes sending again harmless
    }
  }
  aborts.delete(key);
  pump();
}

addEventListener("beforeunload", (event) => {
  if (sendings.value.some(({ state }) => state === "waiting" || state === "sending")) event.preventDefault();
});

/** While somebody is signed in, everything that is being read is watched; the cache hears of it. */
effect(() => {
  known.clear();
  cancelAllSendings();
  if (!user.value) return;
  const { unsubscribe } = api.value.urql.subscription(LibraryProgress, {}).subscribe(({ data }) => {
    const progress = data?.libraryProgress;
    if (!progress) return;
    const { id, filename } = progress.document;
    const ended = progress.status === "READY" || progress.status === "FAILED" || progress.status === "CANCELLED";
    // A list that was read meanwhile may hold an older state: what has ended is read once more.
    if (!known.has(id) || ended) changed.value++;
    known.add(id);
    if (progress.status === "READY") say(t("library.read", { name: filename }));
    if (progress.status === "FAILED") say(t("library.failed", { name: filename }));
  });
  return unsubscribe;
});

/** The files of a drop, those in folders too. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return entries.length ? (await Promise.all(entries.map(walk))).flat() : [...transfer.files];
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    children.push(...some);
  }
  return (await Promise.all(children.map(walk))).flat();
}
