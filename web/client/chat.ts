import { stringifyDocument } from "@urql/core";
import type { Client as Socket } from "graphql-ws";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

export const CitationFields = graphql(`
  fragment CitationFields on Citation {
    index start end filename pageNumber quote verified textStart textEnd
    boxes { page x y width height }
    document { id }
    version { id number isLatest mediaType pageCount }
  }
`);

export const MessageFields = graphql(
  `
    fragment MessageFields on Message {
      id role text status parentId grounded answerer suggestions rating createdAt
      usage { promptTokens completionTokens cost }
      citations { ...CitationFields }
      steps { tool subject }
    }
  `,
  [CitationFields],
);

const EventFields = graphql(
  `
    fragment EventFields on ChatEvent {
      __typename
      ... on ChatStarted {
        sequence
        conversation { id title }
        question { ...MessageFields }
        answer { ...MessageFields }
      }
      ... on ChatSources {
        sequence
        step { tool subject }
        passages { id text pageNumber document { id filename mediaType } }
      }
      ... on ChatDelta { sequence text }
      ... on ChatCitation { sequence citation { ...CitationFields } }
      ... on ChatCompleted { sequence grounded answer { ...MessageFields } }
      ... on ChatFailed { sequence code message retryable }
    }
  `,
  [CitationFields, MessageFields],
);

const Ask = graphql(`subscription Ask($input: ChatInput!) { chat(input: $input) { ...EventFields } }`, [EventFields]);

const Follow = graphql(
  `
    subscription Follow($messageId: ID!, $after: Int!) {
      answer(messageId: $messageId, afterSequence: $after) { ...EventFields }
    }
  `,
  [EventFields],
);

export type Citation = ResultOf<typeof CitationFields>;
export type Message = ResultOf<typeof MessageFields>;
export type ChatEvent = ResultOf<typeof EventFields>;
export type ChatInput = VariablesOf<typeof Ask>["input"];

/** Called with each event exactly once, in order; `done` when no more come. */
export interface Listener {
  event(event: ChatEvent): void;
  done(error?: unknown): void;
}

/**
 * Ask, and hear the answer being written. The socket may break and the server restart: the question
 * is sent again with its id, which asks nothing twice, and events that were heard are skipped.
 */
export function ask(socket: Socket, input: ChatInput, listener: Listener): () => void {
  return listen(socket, { query: stringifyDocument(Ask), variables: { input } }, "chat", listener);
}

/** Hear an answer from its first event on, while it is written or later. */
export function follow(socket: Socket, messageId: string, listener: Listener): () => void {
  const variables = { messageId, after: 0 };
  return listen(socket, { query: stringifyDocument(Follow), variables }, "answer", listener);
}

function listen(
  socket: Socket,
  operation: { query: string; variables: Record<string, unknown> },
  field: "chat" | "answer",
  listener: Listener,
): () => void {
  let heard = 0;
  return socket.subscribe<Record<string, ChatEvent>>(operation, {
    next({ data, errors }) {
      const event = data?.[field];
      if (!event) return listener.done(errors?.[0] ?? new Error("No event"));
      if (event.sequence && event.sequence <= heard) return;
      heard = event.sequence;
      listener.event(event);
    },
    error: (error) => listener.done(error),
    complete: () => listener.done(),
  });
}
