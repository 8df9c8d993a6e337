import { signal } from "@preact/signals";
import type { CombinedError, RequestPolicy, TypedDocumentNode } from "@urql/core";
import { useEffect, useState } from "preact/hooks";
import { openApi, type Api } from "../client/api";
import { live, session, toast } from "./app";
import { t } from "./i18n";

/** What one client keeps belongs to one user: a new one for each sign-in. */
export const api = signal<Api>(open());

function open(): Api {
  return openApi(session, (connected) => (live.value = connected));
}

session.onChange(() => {
  api.value.close();
  api.value = open();
});

/** Tabs of one browser tell one another what they changed. */
const tabs = new BroadcastChannel("lectern.data");
const elsewhere = signal(0);
const listeners = new Set<(conversationId: string) => void>();
tabs.onmessage = ({ data: conversationId }: MessageEvent<string | null>) => {
  elsewhere.value++;
  if (conversationId) for (const listener of listeners) listener(conversationId);
};

/** Something changed; with an id, an answer has begun in that conversation. */
export const tellTabs = (conversationId: string | null = null) => tabs.postMessage(conversationId);

/** Hears of answers that begin in other tabs. */
export const onAnswerElsewhere = (listener: (conversationId: string) => void) => listeners.add(listener);

export function explain(error: CombinedError | undefined): string {
  if (!error) return "";
  return error.networkError ? t("error.network") : (error.graphQLErrors[0]?.message ?? error.message);
}

/** What a query gives, now and whenever the cache changes. */
export function useQuery<R, V extends Record<string, unknown>>(
  query: TypedDocumentNode<R, V>,
  variables: V,
  { pause = false, policy = "cache-and-network" as RequestPolicy } = {},
): { data: R | undefined; error: CombinedError | undefined; loading: boolean; reload(): void } {
  const [turn, setTurn] = useState(0);
  const [result, setResult] = useState<{ data?: R; error?: CombinedError; key?: string }>({});
  const key = JSON.stringify(variables);
  useEffect(() => {
    if (pause) return;
    const requestPolicy = turn || elsewhere.value ? "network-only" : policy;
    const { unsubscribe } = api.value.urql
      .query(query, variables as never, { requestPolicy })
      .subscribe(({ data, error }) => setResult({ data: data ?? undefined, error, key }));
    return unsubscribe;
  }, [api.value, query, key, pause, turn, elsewhere.value]);
  const { data, error } = result;
  return { data, error, loading: result.key !== key && !pause, reload: () => setTurn(turn + 1) };
}

/** Runs a mutation; tells of a network failure by itself and gives null then. */
export async function mutate<R, V extends Record<string, unknown>>(
  mutation: TypedDocumentNode<R, V>,
  variables: V,
): Promise<R | null> {
  const { data, error } = await api.value.urql.mutation(mutation, variables as never).toPromise();
  if (error) toast(explain(error), true);
  else tellTabs();
  return data ?? null;
}

/** Shows the message of an expected failure; true when there was none. */
export function accepted<T extends { __typename: string }>(result: T | null | undefined): result is T {
  if (result && "message" in result) {
    toast(String(result.message), true);
    return false;
  }
  return Boolean(result);
}
