import { useComputed, useSignal } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Citation, Message } from "../../client/chat";
import { graphql } from "../../client/graphql";
import { user } from "../app";
import { useQuery } from "../data";
import { chat, copyText, withFootnotes, type Chat, type Live } from "../chat";
import { t } from "../i18n";
import { changed } from "../library";
import { Empty, IconButton, Spinner } from "../parts/controls";
import { AnswerText } from "../parts/answer-text";
import { CitationChip } from "../parts/citation-chip";
import { Icon } from "../parts/icons";
import { ScopePicker } from "../parts/scope-picker";
import { distinct, shortName, view, viewing, type Place } from "../viewer";

export function ChatScreen() {
  const current = chat.value;
  const path = current.path.value;
  const state = current.state.value;
  const blank = !path.length && !current.sending.value && !current.id.value;
  return (
    <section class={`chat ${blank ? "chat-blank" : ""}`} aria-label={t("nav.chat")}>
      <Keys />
      {state === "loading" ? (
        <div class="chat-state"><Spinner />{t("state.loading")}</div>
      ) : state === "missing" ? (
        <Empty icon="chat" title={t("chat.missing")}><a class="button" href="/">{t("nav.new")}</a></Empty>
      ) : state === "unreachable" ? (
        <Empty icon="warn" title={t("error.network")}>
          <button type="button" onClick={() => void current.load(current.id.value!)}>{t("action.retry")}</button>
        </Empty>
      ) : blank ? (
        <Welcome chat={current} />
      ) : (
        <Transcript chat={current} path={path} />
      )}
      {state === "ready" && <Composer key={current.id.value ?? "new"} chat={current} />}
    </section>
  );
}

const Greeting = graphql(`
  query Greeting {
    usage { documentCount }
    documents(first: 4, status: [READY, SEARCHABLE]) { nodes { id filename } }
  }
`);

function Welcome({ chat }: { chat: Chat }) {
  const { data, reload } = useQuery(Greeting, {});
  useEffect(() => {
    if (changed.value) reload();
  }, [changed.value]);
  const name = user.value?.name?.split(" ")[0];
  const ready = data?.documents?.nodes ?? [];
  return (
    <div class="welcome">
      <h1>{name ? t("welcome.name", { name }) : t("welcome.title")}</h1>
      {data?.usage?.documentCount === 0 ? (
        <>
          <p>{t("welcome.empty")}</p>
          <a class="button primary" href="/library"><Icon name="upload" />{t("library.add")}</a>
        </>
      ) : (
        <>
          <p>{t("welcome.ask", { n: data?.usage?.documentCount ?? 0 })}</p>
          <ul class="welcome-documents">
            {ready.map((document) => (
              <li key={document.id}>
                <button
                  type="button" class="card-button"
                  onClick={() => {
                    chat.scope.value = [document];
                    window.document.querySelector<HTMLElement>("#question")?.focus();
                  }}
                >
                  <Icon name="file" /><span>{document.filename}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Transcript({ chat, path }: { chat: Chat; path: Message[] }) {
  const live = chat.live.value;
  const sending = chat.sending.value;
  const end = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  const shown = sending ? visible(path, sending.parentId ?? null, sending.text) : path;

  useLayoutEffect(() => {
    const box = scroller.current!;
    const follow = () => stick.current && (box.scrollTop = box.scrollHeight);
    const watcher = new ResizeObserver(follow);
    watcher.observe(box.lastElementChild!);
    const onScroll = () => (stick.current = box.scrollHeight - box.scrollTop - box.clientHeight < 60);
    box.addEventListener("scroll", onScroll, { passive: true });
    return () => (watcher.disconnect(), box.removeEventListener("scroll", onScroll));
  }, []);
  useEffect(() => {
    if (sending) stick.current = true;
    end.current?.scrollIntoView({ block: "end" });
  }, [sending, path.length]);

  return (
    <div class="transcript" ref={scroller} tabIndex={0} role="region" aria-label={t("chat.transcript")}>
      <h1 class="visually-hidden">{chat.title.value || t("nav.chat")}</h1>
      <div class="messages" role="log" aria-live="off" aria-label={t("chat.transcript")}>
        {shown.map((message) =>
          message.role === "USER" ? (
            <Question key={message.id} chat={chat} message={message} />
          ) : live?.answerId === message.id ? (
            <LiveAnswer key={message.id} live={live} />
          ) : (
            <Answer key={message.id} chat={chat} message={message} last={message === path.at(-1)} />
          ),
        )}
        {sending && (
          <>
            <article class="question"><p dir="auto">{sending.text}</p></article>
            <LiveAnswer live={live!} />
          </>
        )}
        {chat.failure.value && (
          <div class="notice bad" role="alert">
            <Icon name="warn" />
            <p>{chat.failure.value.message}</p>
            {chat.failure.value.retryable && (
              <button type="button" onClick={() => chat.retry()}>{t("action.retry")}</button>
            )}
          </div>
        )}
        <div ref={end} />
      </div>
    </div>
  );
}

/** What stands before a question that is on its way: all of the branch, or as far as it was edited. */
function visible(path: Message[], parentId: string | null, text: string): Message[] {
  const at = path.findIndex((message) => message.id === parentId);
  if (at < 0) return path;
  return path[at]!.role === "USER" && text ? path.slice(0, at) : path.slice(0, at + 1);
}

function Branches({ chat, message }: { chat: Chat; message: Message }) {
  const siblings = chat.siblings(message);
  if (siblings.length < 2) return null;
  const at = siblings.findIndex((one) => one.id === message.id);
  return (
    <span class="branches">
      <IconButton icon="back" label={t("branch.previous")} disabled={at === 0} onClick={() => chat.choose(siblings[at - 1]!)} />
      <span>{at + 1}/{siblings.length}</span>
      <IconButton icon="next" label={t("branch.next")} disabled={at === siblings.length - 1} onClick={() => chat.choose(siblings[at + 1]!)} />
    </span>
  );
}

function Question({ chat, message }: { chat: Chat; message: Message }) {
  const [editing, setEditing] = useState(false);
  if (editing) {
    return (
      <form
        class="question-edit"
        onSubmit={(event) => {
          event.preventDefault();
          const text = new FormData(event.currentTarget).get("text")!.toString().trim();
          setEditing(false);
          if (text && text !== message.text) chat.edit(message, text);
        }}
      >
        <textarea
          name="text" aria-label={t("chat.edit")} rows={3} dir="auto" defaultValue={message.text}
          ref={(area) => area?.focus()}
          onKeyDown={(event) => event.key === "Escape" && setEditing(false)}
        />
        <div>
          <button type="button" class="quiet" onClick={() => setEditing(false)}>{t("action.cancel")}</button>
          <button class="primary">{t("chat.ask")}</button>
        </div>
      </form>
    );
  }
  return (
    <article class="question" aria-label={t("chat.you")}>
      <p dir="auto">{message.text}</p>
      <div class="message-tools">
        <Branches chat={chat} message={message} />
        {!chat.live.value && <IconButton icon="edit" label={t("chat.edit")} onClick={() => setEditing(true)} />}
      </div>
    </article>
  );
}

function useChip(messageId: string, citations: Citation[]) {
  const all = useRef(citations);
  all.current = citations;
  const single = new Set(citations.map((one) => one.filename)).size < 2;
  return useCallback(
    (citation: Citation, key: string) => (
      <CitationChip key={key} citation={citation} all={() => all.current} messageId={messageId} single={single} />
    ),
    [messageId, single],
  );
}

function LiveAnswer({ live }: { live: Live }) {
  const text = live.text.value;
  const chip = useChip(live.answerId ?? "", live.citations.value);
  return (
    <article class="answer live" aria-label={t("chat.answer")} aria-busy="true">
      <Steps steps={live.steps.value} />
      {text ? (
        <AnswerText text={text} citations={live.citations.value} chip={chip} />
      ) : (
        <p class="looking"><Spinner />{live.sources.value === null ? t("chat.looking") : t("chat.reading", { n: live.sources.value })}</p>
      )}
    </article>
  );
}

function Steps({ steps }: { steps: { tool: string; subject: string }[] }) {
  if (!steps.length) return null;
  return (
    <details class="steps">
      <summary>{t("chat.steps", { n: steps.length })}</summary>
      <ol>{steps.map(({ tool, subject }, i) => <li key={i}><span>{tool}</span> <q dir="auto">{subject}</q></li>)}</ol>
    </details>
  );
}

function Answer({ chat, message, last }: { chat: Chat; message: Message; last: boolean }) {
  const chip = useChip(message.id, message.citations);
  const open = viewing.value;
  const active = open?.messageId === message.id ? open.place.citation : null;
  const question = chat.messages.value.find((one) => one.id === message.parentId);
  const sources = useMemo(() => distinct(message.citations), [message.citations]);
  const stopped = message.status === "STOPPED" || message.status === "INTERRUPTED";
  return (
    <article class={`answer ${message.grounded === false ? "not-grounded" : ""}`} aria-label={t("chat.answer")} tabIndex={-1}>
      <Steps steps={message.steps} />
      {message.grounded === false && message.status === "COMPLETED" && (
        <p class="badge"><Icon name="search" size={16} />{t("chat.not_grounded")}</p>
      )}
      {message.text && <AnswerText text={message.text} citations={message.citations} chip={chip} active={active} />}
      {message.grounded === false && message.status === "COMPLETED" && <Nearest messageId={message.id} />}
      {stopped && <p class="badge">{message.status === "STOPPED" ? t("chat.stopped") : t("chat.interrupted")}</p>}
      {message.status === "STREAMING" && <p class="looking"><Spinner />{t("chat.answering")}</p>}
      {!chat.live.value && (
        <div class="message-tools">
          <Branches chat={chat} message={message} />
          <IconButton icon="copy" label={t("chat.copy")} onClick={() => void copyText(withFootnotes(message))} />
          {question && (message.answerer !== "extractive" || stopped) && (
            <IconButton icon="retry" label={t("chat.regenerate")} onClick={() => chat.regenerate(question)} />
          )}
          {message.status === "COMPLETED" && (
            <>
              <IconButton icon="good" label={t("chat.good")} aria-pressed={(message.rating ?? 0) > 3} onClick={() => void chat.rate(message, 5)} />
              <IconButton icon="bad" label={t("chat.bad")} aria-pressed={message.rating !== null && message.rating < 3} onClick={() => void chat.rate(message, 1)} />
            </>
          )}
          {sources.length > 0 && <span class="sources-count">{t("chat.sources", { n: sources.length })}</span>}
          {message.answerer && message.answerer !== "extractive" && <span class="sources-count">{message.answerer}</span>}
        </div>
      )}
      {last && !chat.live.value && message.suggestions.length > 0 && (
        <ul class="suggestions" aria-label={t("chat.suggestions")}>
          {message.suggestions.map((text) => (
            <li key={text}><button type="button" dir="auto" onClick={() => chat.ask(text)}>{text}</button></li>
          ))}
        </ul>
      )}
    </article>
  );
}

const NearestPassages = graphql(`
  query NearestPassages($id: ID!) {
    node(id: $id) {
      __typename
      ... on Message {
        id
        passages {
          id text pageNumber
          document { id filename mediaType pageCount }
          spans { page start end }
          boxes { page x y width height }
        }
      }
    }
  }
`);

/** What came closest, when the documents do not answer. */
function Nearest({ messageId }: { messageId: string }) {
  const open = useSignal(false);
  const { data } = useQuery(NearestPassages, { id: messageId }, { pause: !open.value, policy: "cache-first" });
  const passages = data?.node?.__typename === "Message" ? data.node.passages.slice(0, 5) : [];
  const places = passages.map(({ document, pageNumber, spans: [span], boxes }): Place => ({
    document,
    page: span?.page ?? pageNumber,
    span: span && { start: span.start, end: span.end },
    boxes,
  }));
  return (
    <details class="nearest" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>{t("chat.nearest")}</summary>
      <ul>
        {passages.map(({ id, text, document, pageNumber }, i) => (
          <li key={id}>
            <button type="button" onClick={() => view({ place: places[i]!, places })}>
              <span dir="auto">{shortName(document.filename)} · {t("page.short", { n: pageNumber })}</span>
              <span dir="auto">{text.replace(/^#+ /gm, "")}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

const draftKey = (chat: Chat) => `lectern.draft.${chat.id.peek() ?? "new"}`;

function Composer({ chat }: { chat: Chat }) {
  const draft = useSignal(sessionStorage.getItem(draftKey(chat)) ?? "");
  const busy = useComputed(() => chat.live.value !== null);
  const area = useRef<HTMLTextAreaElement>(null);
  const keep = (text: string) => {
    draft.value = text;
    sessionStorage.setItem(draftKey(chat), text);
  };
  useLayoutEffect(() => {
    const box = area.current!;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
  }, [draft.value]);
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches && !viewing.peek()) area.current?.focus();
  }, []);
  const submit = () => {
    const text = draft.value.trim();
    if (!text || busy.value) return;
    keep("");
    chat.ask(text);
  };
  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), submit())}>
      <div class="composer-box">
        <textarea
          id="question" ref={area} rows={1} dir="auto" maxLength={4000}
          aria-label={t("chat.question")} placeholder={t("chat.question")}
          value={draft.value}
          onInput={(event) => keep(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) (event.preventDefault(), submit());
          }}
        />
        <div class="composer-tools">
          <ScopePicker scope={chat.scope} />
          {busy.value ? (
            <button type="button" class="send" aria-label={t("chat.stop")} title={t("chat.stop")} onClick={() => void chat.stop()}>
              <Icon name="stop" />
            </button>
          ) : (
            <button class="send" aria-label={t("chat.ask")} title={t("chat.ask")} disabled={!draft.value.trim()}>
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
      <p class="fine">{t("chat.fine")}</p>
    </form>
  );
}

/** `/` goes to the question, `j` and `k` to the next and previous answer. */
function Keys() {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const typing = (event.target as Element).matches("input, textarea, select, [contenteditable]");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLElement>("#question")?.focus();
      }
      const step = { j: 1, k: -1 }[event.key];
      if (step) {
        const answers = [...document.querySelectorAll<HTMLElement>(".answer")];
        const at = answers.indexOf((document.activeElement as Element).closest<HTMLElement>(".answer")!);
        const next = answers[at < 0 ? (step > 0 ? 0 : answers.length - 1) : at + step];
        next?.focus();
        next?.scrollIntoView({ block: "nearest" });
      }
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  return null;
}
