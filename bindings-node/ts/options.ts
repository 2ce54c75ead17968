/** What a caller says: the options of a client, of a call, and a request. The core judges all of it. */
import type { CheckpointFunction } from "./checkpoints";
import { attempt, encodeOptions, type Finding, isList, isPlain, typeName } from "./encode";
import { ConfigError, type Violation } from "./errors";
import type { TokenFunction } from "./tokens";

/** A rule for an input: a JSON Schema with `required` beside it. */
export interface InputRule {
  /** Whether a request without it is refused. Default false. */
  readonly required?: boolean | undefined;
  /** A keyword of JSON Schema, such as `type` or `maxLength`. */
  readonly [keyword: string]: unknown;
}

/** A window of local time, such as `{ days: ["mon-fri"], from: "08:00", to: "18:00", zone: "Europe/Berlin" }`. */
export interface OpenWindow {
  /** `mon` to `sun`, or from one to another as in `mon-fri`. Default: every day. */
  readonly days?: readonly string[] | undefined;
  /** From this time on. Default: `00:00`. */
  readonly from?: string | undefined;
  /** Until this time; one that is before `from` is on the next day. Default: `24:00`. */
  readonly to?: string | undefined;
  /** By whose clock: an IANA time zone. */
  readonly zone: string;
}

/** Who may call what with which inputs, when, and how much of it. What is not listed is refused. */
export interface Policy {
  /** What may be called. */
  readonly action: readonly PolicyAction[];
}

/** One action of a policy. */
export interface PolicyAction {
  /** The action as it is configured in the gateway. */
  readonly id: string;
  /** Stands for the id wherever one is given; used in messages and metrics. */
  readonly name?: string | undefined;
  /** So many may be sent in a time: `"10/60s"`. What comes faster waits. */
  readonly rate?: string | undefined;
  /** So many may be under way at once. What is more waits. */
  readonly concurrency?: number | undefined;
  /** When it may be invoked: in any of these windows. Default: at every time. */
  readonly when?: readonly OpenWindow[] | undefined;
  /** The inputs that may be given; `"*"` allows any. */
  readonly inputs?: "*" | { readonly [name: string]: InputRule } | undefined;
}

/** The options of a client. What is not given is taken from the environment, the profile, and the defaults, in this order. */
export interface ClientOptions {
  /** Where the gateway is: https, or http on a loopback address. `CXONE_BASE_URL`. */
  readonly baseUrl?: string | WebUrl | undefined;
  /** The wire contract: a built-in name (default `"gateway"`) or a path to a TOML file. `CXONE_PROFILE`. */
  readonly profile?: string | FileUrl | undefined;
  /** Fills `{region}` in a profile's URLs. `CXONE_REGION`. */
  readonly region?: string | undefined;
  /** OAuth client id. `CXONE_CLIENT_ID`. */
  readonly clientId?: string | undefined;
  /** OAuth client secret. `CXONE_CLIENT_SECRET`, or `CXONE_CLIENT_SECRET_FILE` for a file that holds it. */
  readonly clientSecret?: string | undefined;
  /** Access key, where the profile's grant uses one. `CXONE_ACCESS_KEY_ID`. */
  readonly accessKeyId?: string | undefined;
  /** The access key's secret. `CXONE_ACCESS_KEY_SECRET`. */
  readonly accessKeySecret?: string | undefined;
  /**
   * Instead of credentials: a bearer token that somebody else keeps fresh (`CXONE_TOKEN`), or a function that returns one,
   * or one and the milliseconds that it serves, or a promise of either. It is called when a token is needed, early enough
   * before one runs out, and after a 401; never twice at a time, and valid tokens are used meanwhile. A token without a
   * time serves for five minutes. After 30 s it is waited for no longer.
   */
  readonly token?: string | TokenFunction | undefined;
  /**
   * How the client authenticates at the token service. Default: the profile's. `"query"` puts the secret into a URL and is
   * unsafe. `CXONE_CLIENT_AUTH`.
   */
  readonly clientAuth?: "post" | "basic" | "query" | undefined;
  /** OAuth scopes, separated by spaces. `CXONE_SCOPE`. */
  readonly scope?: string | undefined;
  /** Who may call what: a TOML or JSON file, or the same structure. Default: every action is allowed. `CXONE_POLICY`. */
  readonly policy?: string | FileUrl | Policy | undefined;
  /** A policy file that changed is read again, looked at no more often than this. Default: never by itself. */
  readonly policyRefreshMs?: number | undefined;
  /** Directory of the durable audit trail. Default: the last 10,000 records in memory. `CXONE_AUDIT_DIR`. */
  readonly audit?: string | FileUrl | undefined;
  /** Who acts, as the trail says it. Default: the owner of the process. `CXONE_ACTOR`. */
  readonly actor?: string | undefined;
  /** What a record of the trail survives: the death of the process (default), or the loss of power. `CXONE_DURABILITY`. */
  readonly durability?: "process" | "power" | undefined;
  /**
   * While the trail cannot be written: `"fail_closed"` (default) sends nothing; `"continue_with_gap"` goes on, and writes
   * later how many records are missing.
   */
  readonly auditFailure?: "fail_closed" | "continue_with_gap" | undefined;
  /** Seals the trail's records (HMAC-SHA256), at least 16 bytes. `CXONE_AUDIT_KEY`, or `CXONE_AUDIT_KEY_FILE` for a file. */
  readonly auditKey?: string | undefined;
  /**
   * A file elsewhere that is told the head of the chain, so that a cut tail is seen (`CXONE_AUDIT_CHECKPOINTS`); or a
   * function, possibly async, that is called with each {@link Checkpoint}: one after the other, after every thousand
   * records, every minute in which there were any, when a segment ends, at `flush` and at `close`. It has 10 s; what it
   * throws is logged and noted in the trail, and stops nothing.
   */
  readonly auditCheckpoints?: string | FileUrl | CheckpointFunction | undefined;
  /** The size at which a segment of the trail is ended and the next begun. Default 67,108,864. */
  readonly auditSegmentBytes?: number | undefined;
  /** Segments of the trail that ended so many days ago are removed. Default: kept for ever. */
  readonly auditRetentionDays?: number | undefined;
  /** Deadline of one `invoke`, `poll` or `run`, from the call. Default 120,000. `CXONE_TIMEOUT` (seconds). */
  readonly timeoutMs?: number | undefined;
  /** One HTTP attempt, with its body. The profile's by default: 30,000, and 65,000 for Genesys data actions. */
  readonly requestTimeoutMs?: number | undefined;
  /** One connection, with TLS. Default 5,000, or half of a `requestTimeoutMs` below 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** A fixed time between two looks at an invocation. Default: adaptive. */
  readonly pollIntervalMs?: number | undefined;
  /** Sends of one invocation. Default 4. */
  readonly maxAttempts?: number | undefined;
  /**
   * What may be done about a POST whose outcome is unknown. `"at_most_once"` (default): nothing. `"idempotent"`: it is sent
   * again, for this gateway executes a correlation id once. `"at_least_once"`: it is sent again, and may be executed twice.
   */
  readonly delivery?: "at_most_once" | "idempotent" | "at_least_once" | undefined;
  /** HTTP requests at once. Default 64. */
  readonly maxInFlight?: number | undefined;
  /** Callers waiting to be among them; one more is refused with an `OverloadedError`. Default 1024. */
  readonly maxQueued?: number | undefined;
  /** Sends per time: `"300/60s"`. Default: the profile's. `CXONE_RATE_LIMIT`. */
  readonly rateLimit?: string | undefined;
  /**
   * What inputs are checked against before they are sent: the profile's contract and the policy, or those and the JSON
   * Schema that the gateway has of the action, where the profile knows how to ask for it. Default `"contract"`.
   */
  readonly validate?: "contract" | "schema" | undefined;
  /** Hosts that `callbackUrl` may name. Default: any public https host. */
  readonly callbackHosts?: readonly string[] | undefined;
  /**
   * What callbacks are signed with, or several while one takes the place of another. Default: none, and their address is
   * their proof. `CXONE_CALLBACK_SECRET`, or `CXONE_CALLBACK_SECRET_FILE` for a file that holds it.
   */
  readonly callbackSecret?: string | readonly string[] | undefined;
  /** Proxy URL. `HTTPS_PROXY`, with `NO_PROXY` for what goes around it. */
  readonly proxy?: string | WebUrl | undefined;
  /**
   * Certificates to trust, PEM. `SSL_CERT_FILE`. Without it, what `NODE_EXTRA_CA_CERTS` names is trusted besides what
   * the platform or that variable names.
   */
  readonly caFile?: string | FileUrl | undefined;
  /** Client certificate and key, PEM. */
  readonly clientCert?: string | FileUrl | undefined;
  /** Never speak HTTP/2. */
  readonly http1Only?: boolean | undefined;
  /** Where spans are sent: the URL of an OTLP/HTTP collector. `CXONE_TRACES`. */
  readonly traces?: string | WebUrl | undefined;
}

/** What is used of a `URL` with the scheme `file:`, as `pathToFileURL` makes one. */
export interface FileUrl {
  /** The whole of it. */
  readonly href: string;
  /** `file:`. */
  readonly protocol: string;
}

/** What is used of a `URL` of the web. */
export interface WebUrl {
  /** All of it. */
  readonly href: string;
  /** Its scheme, with a colon. */
  readonly protocol: string;
}

/** What is used of an `AbortSignal`: the global one, or any other that keeps its promises. */
export interface Signal {
  /** Whether it has been aborted. */
  readonly aborted: boolean;
  /** Why; the `cause` of the `AbortError`. */
  readonly reason?: unknown;
  /** Calls `listener` when it is aborted. */
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  /** Takes that back. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Options of `describe`. */
export interface DescribeOptions {
  /** Gives up the wait: `AbortError`. What is on the wire is finished in the background and recorded. */
  readonly signal?: Signal | null | undefined;
}

/** Options of `invoke`. */
export interface InvokeOptions extends DescribeOptions {
  /** Deadline from the call. Default: the client's. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `check`. */
export interface CheckOptions {
  /** Judges the request at another time than now: a `Date`, or text in RFC 3339. */
  readonly at?: Date | string | null | undefined;
}

/** Options of `poll` and `run`. `Result` is `ActionResult`. */
export interface WaitOptions<Result> extends InvokeOptions {
  /**
   * Called once with the terminal result, before the promise is settled; awaited for at most 30 s. What it throws is
   * recorded (`callback_failed`) and never changes the result.
   */
  readonly onResult?: ((result: Result) => unknown) | undefined;
}

/** Options of `runMany`. */
export interface RunManyOptions extends InvokeOptions {
  /** How many invocations are under way at once. Default 64. */
  readonly concurrency?: number | undefined;
  /** Deadline of each, from its own start. Default: the client's. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `close`. */
export interface CloseOptions {
  /** Gives up the wait: `AbortError`. The client closes all the same. */
  readonly signal?: Signal | null | undefined;
  /** How long what is on the wire may take to be recorded. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** The functions among the options, and the options without them: JSON cannot say them. */
export function splitFunctions(options: ClientOptions): {
  token: TokenFunction | undefined;
  checkpoints: CheckpointFunction | undefined;
  others: ClientOptions;
} {
  mustBePlain(options, "the options");
  // What cannot even be read is judged where all options are.
  const given = (name: "token" | "auditCheckpoints"): unknown => attempt<unknown>(() => options[name]);
  const [token, checkpoints] = [given("token"), given("auditCheckpoints")];
  const isToken = typeof token === "function";
  const areCheckpoints = typeof checkpoints === "function";
  if (!isToken && !areCheckpoints) return { token: undefined, checkpoints: undefined, others: options };
  return {
    token: isToken ? (token as TokenFunction) : undefined,
    checkpoints: areCheckpoints ? (checkpoints as CheckpointFunction) : undefined,
    others: {
      ...options,
      ...(isToken && { token: undefined }),
      ...(areCheckpoints && { auditCheckpoints: undefined }),
    },
  };
}

/** Options as JSON text, which messages call `whole`. What JSON cannot say is a mistake here; everything else is judged by the core. */
export function optionsText(options: unknown, whole = "the options"): string {
  const { text, findings } = encodeOptions(options);
  const mistakes = findings.map(({ path, code, got }): Violation => {
    const name = path
      .slice(1)
      .replace(/\/(\d+)(?=\/|$)/g, "[$1]")
      .replaceAll("/", ".");
    return { path: name, code, message: `${name === "" ? whole : `\`${name}\``} ${RULES[code](got)}` };
  });
  if (mistakes.length > 0) throw mistaken(mistakes);
  return text;
}

const RULES: Record<Finding["code"], (got: string) => string> = {
  non_finite: (got) => `must be a finite number, got ${got}`,
  inexact_integer: () => "must be exact, got a floating-point integer beyond ±(2^53-1); pass a BigInt",
  lone_surrogate: () => "must be valid Unicode, got half of a surrogate pair",
  unsupported_type: (got) => `must be text, a number, true or false, a list or a plain object, got ${got}`,
  cycle: () => "must not contain itself",
  key_type: (got) => `must have strings as keys, got ${got}`,
  too_deep: () => "is nested too deeply",
};

/** Checks the options of a call: each known by name, and of the one sort that cannot be judged as JSON. */
export function callOptions<O extends object>(
  options: O | null | undefined,
  known: Record<keyof O, string>,
  request?: unknown,
): Partial<O> {
  if (options === undefined || options === null) return {};
  if (!isObject(options)) throw notPlain(options, "the options of a call");
  if (typeof request === "string" && Object.keys(options).some((name) => !Object.hasOwn(known, name))) {
    // Written as in another language: an id, and inputs.
    const message =
      "the first argument must be a request, `{ actionId, inputs }`, and the second options; got string";
    throw mistaken([{ path: "", code: "type", message }]);
  }
  const mistakes: Violation[] = [];
  for (const [name, value] of Object.entries(options)) {
    const sort = Object.hasOwn(known, name) ? known[name as keyof O] : undefined;
    if (sort === undefined) {
      const names = Object.keys(known).map((other) => `\`${other}\``);
      const message = `\`${name}\` is not an option of this call; it takes ${names.join(", ")}`;
      mistakes.push({ path: name, code: "unknown_option", message });
    } else if (value !== undefined && value !== null && !SORTS[sort]?.(value)) {
      mistakes.push({ path: name, code: "invalid", message: `\`${name}\` must be ${sort}` });
    }
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  return options;
}

/** An object of anybody's making, but no array, map or signal: their members are not options. */
function isObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || isList(value)) return false;
  return attempt(() => Object.prototype.toString.call(value)) === "[object Object]";
}

/** Refuses what says nothing by members of its own, and so would be taken for nothing at all. */
export function mustBePlain(value: unknown, whole: string): void {
  if (isList(value) || !isPlain(value)) throw notPlain(value, whole);
}

function notPlain(value: unknown, whole: string): ConfigError {
  const message = `${whole} must be a plain object, got ${named(value)}`;
  return mistaken([{ path: "", code: "type", message }]);
}

/** `a Map`, `an Array`, `null`. */
function named(value: unknown): string {
  const name = typeName(value);
  if (value === null || value === undefined) return name;
  return `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;
}

/** What an option of a call has to be, in the words of the message. */
const SORTS: Record<string, (value: unknown) => boolean> = {
  "a Date or text in RFC 3339": (value) => value instanceof Date || typeof value === "string",
  "an AbortSignal": isSignal,
  "a function": (value) => typeof value === "function",
  "a path or a file URL": (value) => typeof value === "string" || isFileUrl(value),
  "a number of milliseconds": (value) => typeof value === "number",
  "a port from 0 to 65535": (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536,
  text: (value) => typeof value === "string",
  "a whole number from 1": (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};

function isSignal(value: unknown): boolean {
  const { addEventListener, removeEventListener } = value as Partial<Signal>;
  return typeof addEventListener === "function" && typeof removeEventListener === "function";
}

export function isFileUrl(value: unknown): value is FileUrl {
  if (typeof value !== "object" || value === null) return false;
  const { href, protocol } = value as Partial<FileUrl>;
  return typeof href === "string" && protocol === "file:";
}

/** An error that names every mistake in options. */
export function mistaken(violations: Violation[]): ConfigError {
  const all = violations.map(({ message }) => message).join("; ");
  const message = violations.length === 1 ? all : `${violations.length} options cannot work: ${all}`;
  return new ConfigError(message, { violations });
}
