import { batch, computed, signal, type Signal } from "@preact/signals";
import { ask, follow, MessageFields, type ChatEvent, type ChatInput, type Citation, type Message } from "../client/chat";
import { graphql } from "../client/graphql";
import { say, session, toast } from "./app";
import { accepted, api, mutate, onAnswerElsewhere, tellTabs } from "./data";
import { t } from "./i18n";
import { go } from "./router";

const Conversation = graphql(
  `
    query Conversation($id: ID!, $after: String) {
      conversation(id: $id) {
        id
        title
        messages(first: 100, after: $after) {
          nodes { ...MessageFields }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  `,
  [MessageFields],
);

const Stop = graphql(`
  mutation Stop($id: ID!) {
    stopAnswer(messageId: $id) { __typename ... on Error { message } }
  }
`);

const Rate = graphql(`
  mutation Rate($input: RateAnswerInput!) {
    rateAnswer(input: $input) {
      __typename
      ... on RatedAnswer { answer { id rating } }
      ... on Error { message }
    }
  }
`);

export interface Chosen { id: string; filename: string }

/** An answer while it is written. */
export interface Live {
  /** Null until the server has taken the question. */
  answerId: string | null;
  text: Signal<string>;
  citations: Signal<Citation[]>;
  steps: Signal<{ tool: string; subject: string }[]>;
  sources: Signal<number | null>;
}

const ROOT = "root";
const pendingKey = () => `lectern.pending.${session.user?.id}`;

/** One conversation: a tree of messages of which one branch is shown. */
export class Chat {
  readonly id = signal<string | null>(null);
  readonly title = signal("");
  readonly messages = signal<Message[]>([]);
  readonly live = signal<Live | null>(null);
  readonly failure = signal<{ message: string; retryable: boolean } | null>(null);
  readonly state = signal<"loading" | "ready" | "missing" | "unreachable">("ready");
  /** Documents that questions are limited to; empty: the whole library. */
  readonly scope = signal<Chosen[]>([]);
  private readonly chosen = signal<Record<string, string>>({});
  private silence: (() => void) | null = null;
  private last: ChatInput | null = null;

  readonly children = computed(() => {
    const children: Record<string, Message[]> = {};
    for (const message of this.messages.value) (children[message.parentId ?? ROOT] ??= []).push(message);
    return children;
  });

  /** The branch that is shown: at each fork the one that was chosen, or else the newest. */
  readonly path = computed(() => {
    const path: Message[] = [];
    let siblings = this.children.value[ROOT];
    while (siblings?.length) {
      const parent = siblings[0]!.parentId ?? ROOT;
      const next = siblings.find((one) => one.id === this.chosen.value[parent]) ?? siblings.at(-1)!;
      path.push(next);
      siblings = this.children.value[next.id];
    }
    return path;
  });

  /** `again`: what is shown stays until the newest is there. */
  async load(id: string, again = false): Promise<void> {
    this.id.value = id;
    if (!again) this.state.value = "loading";
    const messages: Message[] = [];
    let after: string | null = null;
    do {
      const result = await api.value.urql
        .query(Conversation, { id, after }, { requestPolicy: "network-only" })
        .toPromise();
      if (this.id.value !== id || (again && this.live.value)) return;
      const found: NonNullable<typeof result.data>["conversation"] | undefined = result.data?.conversation;
      if (!found?.messages) {
        if (again) return;
        this.state.value = result.error ? "unreachable" : "missing";
        return;
      }
      this.title.value = found.title;
      messages.push(...found.messages.nodes);
      after = found.messages.pageInfo.hasNextPage ? found.messages.pageInfo.endCursor : null;
    } while (after);
    batch(() => {
      this.messages.value = messages;
      this.state.value = "ready";
    });
    const unfinished = this.path.value.find((message) => message.status === "STREAMING");
    if (unfinished) this.resume(unfinished.id);
    else this.resend(id);
  }

  siblings(message: Message): Message[] {
    return this.children.value[message.parentId ?? ROOT] ?? [message];
  }

  choose(message: Message): void {
    this.chosen.value = { ...this.chosen.value, [message.parentId ?? ROOT]: message.id };
  }

  /** Ask after the end of what is shown. */
  ask(text: string): void {
    this.send(text, this.path.value.at(-1)?.id ?? null);
  }

  /** Another answer to a question. */
  regenerate(question: Message): void {
    this.forget(question.id);
    this.send(question.text, question.id);
  }

  /** Another wording of a question; the old one stays as a branch. */
  edit(question: Message, text: string): void {
    this.forget(question.parentId ?? ROOT);
    this.send(text, question.id);
  }

  /** An answer that broke off is begun anew; a question that never arrived is sent again. */
  retry(): void {
    const last = this.path.value.at(-1);
    const question = last?.role === "ASSISTANT" && this.messages.value.find(({ id }) => id === last.parentId);
    if (question && last.status !== "COMPLETED") this.regenerate(question);
    else if (this.last) this.begin(this.last);
  }

  async stop(): Promise<void> {
    const id = this.live.value?.answerId;
    if (id) await mutate(Stop, { id });
  }

  async rate(message: Message, rating: number): Promise<void> {
    const done = await mutate(Rate, { input: { messageId: message.id, rating } });
    if (accepted(done?.rateAnswer)) this.put({ ...message, rating });
  }

  /** Nothing is heard any more; the server writes the answer to its end. */
  close(): void {
    this.silence?.();
    this.silence = null;
    this.live.value = null;
  }

  /** Ask again what the server may not have heard before the page was left; asked twice is asked once. */
  resend(conversationId: string | null): void {
    const kept = sessionStorage.getItem(pendingKey());
    const input = kept ? (JSON.parse(kept) as ChatInput) : null;
    if (input && (input.conversationId ?? null) === conversationId) this.begin(input);
  }

  /** What comes next under a message is shown, whichever was chosen before. */
  private forget(parent: string): void {
    const { [parent]: _chosen, ...rest } = this.chosen.value;
    this.chosen.value = rest;
  }

  private send(text: string, parentId: string | null): void {
    const scope = this.scope.value.map(({ id }) => id);
    this.begin({
      clientMessageId: newId(),
      text,
      conversationId: this.id.value,
      parentId,
      documentIds: scope.length ? scope : null,
    });
  }

  private begin(input: ChatInput): void {
    this.close();
    this.last = input;
    sessionStorage.setItem(pendingKey(), JSON.stringify(input));
    say(t("chat.looking"));
    this.hear((listener) => ask(api.value.socket, input, listener), null, input);
  }

  private resume(answerId: string): void {
    this.hear((listener) => follow(api.value.socket, answerId, listener), answerId, null);
  }

  /** The question that is on its way, before the server knows it. */
  readonly sending = signal<ChatInput | null>(null);

  private hear(
    start: (listener: { event(event: ChatEvent): void; done(error?: unknown): void }) => () => void,
    answerId: string | null,
    input: ChatInput | null,
  ): void {
    const live: Live = {
      answerId,
      text: signal(""),
      citations: signal([]),
      steps: signal([]),
      sources: signal(null),
    };
    batch(() => {
      this.failure.value = null;
      this.sending.value = input;
      this.live.value = live;
    });
    let ended = false;
    const end = (failure: { message: string; retryable: boolean } | null) => {
      ended = true;
      batch(() => {
        this.failure.value = failure;
        this.sending.value = null;
        this.live.value = null;
      });
    };
    let text = "";
    let frame = 0;
    const show = () => {
      frame = 0;
      live.text.value = text;
    };
    this.silence = start({
      event: (event) => {
        switch (event.__typename) {
          case "ChatStarted":
            live.answerId = event.answer.id;
            sessionStorage.removeItem(pendingKey());
            if (input) tellTabs(event.conversation.id);
            batch(() => {
              this.sending.value = null;
              this.title.value = event.conversation.title;
              this.put(event.question);
              this.put({ ...event.answer, status: "STREAMING" });
              if (this.id.value !== event.conversation.id) {
                this.id.value = event.conversation.id;
                go(`/chats/${event.conversation.id}`, true);
              }
            });
            break;
          case "ChatSources":
            live.sources.value = event.passages.length;
            if (event.step) live.steps.value = [...live.steps.value, event.step];
            break;
          case "ChatDelta":
            if (!text) say(t("chat.answering"));
            text += event.text;
            frame ||= requestAnimationFrame(show);
            break;
          case "ChatCitation":
            live.citations.value = [...live.citations.value, event.citation];
            break;
          case "ChatCompleted":
            this.put(event.answer);
            end(null);
            say(t("chat.ready", { n: new Set(event.answer.citations.map((one) => one.quote)).size }));
            break;
          case "ChatFailed":
            if (event.sequence === 0) sessionStorage.removeItem(pendingKey());
            if (live.answerId) {
              const begun = this.messages.value.find((one) => one.id === live.answerId);
              if (begun) this.put({ ...begun, text, citations: live.citations.value, status: "FAILED" });
            }
            end({ message: event.message, retryable: event.retryable });
            break;
        }
      },
      done: (error) => {
        if (error && !ended) end({ message: t("error.network"), retryable: true });
      },
    });
  }

  private put(message: Message): void {
    const at = this.messages.value.findIndex((one) => one.id === message.id);
    this.messages.value =
      at < 0 ? [...this.messages.value, message] : this.messages.value.with(at, message);
  }
}

/** The conversation on the screen. */
export const chat = signal(new Chat());

onAnswerElsewhere((id) => {
  const shown = chat.peek();
  if (shown.id.peek() === id && !shown.live.peek()) void shown.load(id, true);
});

/** Shows a conversation; null begins a new one. */
export function openChat(id: string | null, scope: Chosen[] = []): void {
  const shown = chat.peek();
  if (id !== null && shown.id.peek() === id) {
    if (!shown.live.peek() && shown.state.peek() === "ready") void shown.load(id, true);
    return;
  }
  shown.close();
  const next = new Chat();
  next.scope.value = scope;
  chat.value = next;
  if (id) void next.load(id);
  else next.resend(null);
}

/** Begins a conversation about some documents. */
export function askAbout(documents: Chosen[]): void {
  go("/");
  openChat(null, documents);
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("action.copied"));
  } catch {
    toast(t("error.clipboard"), true);
  }
}

/** An answer with its sources as footnotes, in Markdown. */
export function withFootnotes(message: Pick<Message, "text" | "citations">): string {
  const notes = new Map<string, number>();
  const numbers = new Map<number, number>();
  for (const { index, filename, pageNumber, quote } of message.citations) {
    const note = `${filename}, ${t("page.short", { n: pageNumber })}: “${quote.replaceAll("\n", " ")}”`;
    if (!notes.has(note)) notes.set(note, notes.size + 1);
    numbers.set(index, notes.get(note)!);
  }
  const text = message.text.replace(/\[(\d+)\]/g, (marker, n: string) =>
    numbers.has(+n) ? `[^${numbers.get(+n)}]` : marker,
  );
  return [text, "", ...[...notes].map(([note, n]) => `[^${n}]: ${note}`)].join("\n");
}

/** `crypto.randomUUID` is not there on plain HTTP. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
