/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Invoke contact-centre Data Actions once, learn what became of them, and be able to prove it.
 *
 * One entry for `require` and `import`.
 */
import { native } from "./native";

export {
  type AuditFilter,
  type AuditRecord,
  AuditTrail,
  type Problem,
  type TrailEvent,
  Verification,
  type VerifyOptions,
} from "./audit";
export { type CallbackHeaders, CallbackListener, type ListenOptions } from "./callbacks";
export type { Checkpoint, CheckpointFunction } from "./checkpoints";
export { Client } from "./client";
export type { JsonValue } from "./decode";
export {
  AbortError,
  AccessDeniedError,
  ActionCancelledError,
  ActionFailedError,
  type AnyCxoneError,
  AuditError,
  AuthenticationError,
  ClosedError,
  ConfigError,
  CxoneError,
  type ErrorCode,
  type ErrorFields,
  type ErrorKind,
  type Executed,
  isCxoneError,
  OutcomeUnknownError,
  OverloadedError,
  PermissionDeniedError,
  PollTimeoutError,
  ProtocolError,
  RateLimitedError,
  RequestRejectedError,
  type SystemCause,
  UnavailableError,
  ValidationError,
  type Violation,
} from "./errors";
export type { LogRecord } from "./log";
export { type ActionMetrics, type Distribution, Metrics, type MetricsFields } from "./metrics";
export type {
  CheckOptions,
  ClientOptions,
  CloseOptions,
  DescribeOptions,
  FileUrl,
  InputRule,
  InvokeOptions,
  OpenWindow,
  Policy,
  PolicyAction,
  RunManyOptions,
  Signal,
  WaitOptions,
  WebUrl,
} from "./options";
export { type ErrorOutcome, Outcome, type OutcomeFields, type ResultOutcome } from "./outcome";
export type {
  ActionRequest,
  ActionRequests,
  CheckedFields,
  CheckedInputs,
  CheckedValue,
  InputMap,
  InputValue,
  NotAnInput,
  RequestOf,
} from "./request";
export {
  ActionDescription,
  ActionResult,
  type CancelledResult,
  type CompletedResult,
  type FailedResult,
  Invocation,
  type OutputMap,
  type ResultFields,
  type Status,
  type Unfinished,
  type UnfinishedFields,
  Verdict,
} from "./results";
export {
  type Fault,
  Sandbox,
  type SandboxAccess,
  type SandboxAction,
  type SandboxOptions,
  type SeenRequest,
} from "./sandbox";
export type { Token, TokenFunction, TokenRequest } from "./tokens";

/** The version of this library. */
export const version: string = native.version();
