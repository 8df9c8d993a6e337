import { stringifyDocument } from "@urql/core";
import { graphql, type ResultOf } from "./graphql";
import { ENDPOINT, Unreachable, type Session } from "./session";

const Upload = graphql(`
  mutation Upload($input: UploadDocumentInput!) {
    uploadDocument(input: $input) {
      __typename
      ... on UploadedDocument { document { id filename } }
      ... on DuplicateDocument { document { id filename } }
      ... on Error { code message }
    }
  }
`);

export type UploadResult = NonNullable<ResultOf<typeof Upload>["uploadDocument"]>;

export interface UploadOptions {
  /** When another document has this name. */
  onSameName: "KEEP_BOTH" | "REPLACE" | "REJECT";
  /** Makes sending the file again harmless. */
  idempotencyKey: string;
  signal: AbortSignal;
  /** 0 to 1, of the bytes. */
  onProgress(fraction: number): void;
}

/**
 * Send one file (GraphQL multipart request). An expired token is refreshed and the file sent again.
 * Throws `Unreachable`, or an `AbortError`.
 */
export async function upload(session: Session, file: File, options: UploadOptions): Promise<UploadResult> {
  const first = await send(await session.token(), file, options);
  const [status, body] = first.status === 401 ? await again() : [first.status, first.body];
  const result = body.data?.uploadDocument;
  if (!result) throw new Unreachable(body.errors?.[0]?.message ?? `HTTP ${status}`);
  return result;

  async function again(): Promise<[number, Body]> {
    const second = await send(await session.refresh(), file, options);
    return [second.status, second.body];
  }
}

interface Body {
  data?: ResultOf<typeof Upload>;
  errors?: { message: string }[];
}

/** XMLHttpRequest, because `fetch` does not tell how much has been sent. */
function send(
  token: string | null,
  file: File,
  { idempotencyKey, onSameName, signal, onProgress }: UploadOptions,
): Promise<{ status: number; body: Body }> {
  const form = new FormData();
  const variables = { input: { file: null, idempotencyKey, onSameName } };
  form.append("operations", JSON.stringify({ query: stringifyDocument(Upload), variables }));
  form.append("map", JSON.stringify({ 0: ["variables.input.file"] }));
  form.append("0", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("POST", ENDPOINT);
    request.setRequestHeader("GraphQL-Preflight", "1");
    request.setRequestHeader("Accept", "application/graphql-response+json");
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () => resolve({ status: request.status, body: (request.response ?? {}) as Body });
    request.onerror = () => reject(new Unreachable("The connection broke."));
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.send(form);
  });
}
