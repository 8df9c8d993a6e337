import { authExchange } from "@urql/exchange-auth";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient, type Client as Socket } from "graphql-ws";
import { ENDPOINT, type Session } from "./session";

/** The API of one signed-in user: `urql` for queries and mutations, `socket` for what is live. */
export interface Api {
  urql: Client;
  socket: Socket;
  close(): void;
}

const embedded = () => null;

/** `onLive` hears whether the socket is connected. */
export function openApi(session: Session, onLive: (live: boolean) => void): Api {
  const socket = createClient({
    url: new URL(ENDPOINT, location.href).href.replace(/^http/, "ws"),
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    lazyCloseTimeout: 3000,
    retryAttempts: Infinity,
    shouldRetry: () => session.user !== null,
    retryWait: (tries) =>
      new Promise((wake) => setTimeout(wake, Math.min(100 * 2 ** tries, 4000) * (0.5 + Math.random()))),
    keepAlive: 10_000,
    on: {
      connected: () => onLive(true),
      closed: (event) => onLive((event as CloseEvent).code === 1000 || (event as CloseEvent).code === 4403),
    },
  });
  const urql = new Client({
    url: ENDPOINT,
    preferGetMethod: false,
    requestPolicy: "cache-and-network",
    exchanges: [
      cacheExchange({
        keys: {
          AnswerUsage: embedded,
          Box: embedded,
          ChatStep: embedded,
          Citation: embedded,
          DocumentProgress: embedded,
          DocumentWarning: embedded,
          IngestionFailure: embedded,
          MonthlyUsage: embedded,
          Page: embedded,
          PageInfo: embedded,
          RetrievalTrace: embedded,
          TextSpan: embedded,
          Usage: embedded,
        },
        resolvers: {
          Query: { documents: relayPagination(), conversations: relayPagination() },
        },
        updates: {
          Mutation: {
            deleteDocument: (_result, { id }, cache) =>
              cache.invalidate({ __typename: "Document", id: id as string }),
            deleteConversation: (_result, { id }, cache) =>
              cache.invalidate({ __typename: "Conversation", id: id as string }),
            createApiKey: (_result, _args, cache) => cache.invalidate("Query", "apiKeys"),
          },
        },
      }),
      authExchange(async ({ appendHeaders }) => ({
        addAuthToOperation: (operation) =>
          session.current
            ? appendHeaders(operation, { authorization: `Bearer ${session.current}` })
            : operation,
        willAuthError: () => session.stale,
        didAuthError: (error) => error.graphQLErrors.some((e) => e.extensions.code === "UNAUTHENTICATED"),
        refreshAuth: async () => void (await session.refresh()),
      })),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query: query!, variables }, sink as never),
          }),
        }),
      }),
    ],
  });
  return { urql, socket, close: () => void socket.dispose() };
}
