/** Options that are places, given as a `URL`: of the web as its text, of a file as its path. The core knows text alone. */
import { fileURLToPath } from "node:url";
import { attempt } from "./encode";
import { type ClientOptions, type FileUrl, isFileUrl, type WebUrl } from "./options";

const WEB = ["baseUrl", "proxy", "traces"] as const;
const FILES = ["profile", "policy", "audit", "auditCheckpoints", "caFile", "clientCert"] as const;

/** The options, with text in the place of every `URL` that can stand there. */
export function withoutUrls(options: ClientOptions): ClientOptions {
  const given = (name: keyof ClientOptions) => attempt<unknown>(() => options[name]);
  const web = WEB.map((name) => [name, webText(given(name))] as const);
  const files = FILES.map((name) => [name, fileText(given(name))] as const);
  const said = [...web, ...files].filter(([, text]) => text !== undefined);
  return said.length === 0 ? options : { ...options, ...Object.fromEntries(said) };
}

/** The path of a file URL, where it is one and has one. */
export function fileText(value: unknown): string | undefined {
  return isFileUrl(value) ? attempt(() => fileURLToPath((value as FileUrl).href)) : undefined;
}

function webText(value: unknown): string | undefined {
  return attempt(() => {
    if (Object.prototype.toString.call(value) !== "[object URL]") return undefined;
    const { href, protocol } = value as WebUrl;
    return protocol === "file:" ? undefined : href;
  });
}
