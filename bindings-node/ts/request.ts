/** One logical call, as a caller writes it: what may be an input, and what the compiler can refuse before the core does. */

/** An input's value. Whole numbers beyond ±(2^53−1) are `bigint`; `undefined`, `NaN`, dates and the like are refused. */
export type InputValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly InputValue[]
  | { readonly [key: string]: InputValue };

/** Inputs by name. */
export interface InputMap {
  readonly [name: string]: InputValue;
}

/** What the compiler says of a value that JSON cannot say. There is no such value. */
export interface NotAnInput {
  /** The rule, so that the compiler's message says it. */
  readonly "an input is text, a number, a bigint, a boolean, null, an array or a plain object": never;
}

/** `Value` itself where it can be an input; where it cannot, what nothing can be assigned to. */
export type CheckedValue<Value> = Value extends InputValue
  ? Value
  : Value extends (...given: never) => unknown
    ? NotAnInput
    : Value extends readonly unknown[]
      ? { readonly [Index in keyof Value]: CheckedValue<Value[Index]> }
      : Value extends object
        ? CheckedFields<Value>
        : NotAnInput;

/** {@link CheckedValue} of every field of a type or an interface. A field that is optional may be left out. */
export type CheckedFields<Fields> = {
  readonly [Name in keyof Fields]: string extends Name
    ? CheckedValue<Fields[Name]>
    : object extends Pick<Fields, Name>
      ? CheckedValue<Exclude<Fields[Name], undefined>> | undefined
      : CheckedValue<Fields[Name]>;
};

/** Inputs of a caller's own type, an interface too, where all of it can be inputs. */
export type CheckedInputs<Inputs> = Inputs extends readonly unknown[] ? NotAnInput : CheckedFields<Inputs>;

/** One logical call of an action. */
export interface ActionRequest<Inputs extends object = InputMap> {
  /** The action as it is configured in the gateway, or the name that the policy gives it. */
  readonly actionId: string;
  /** Its inputs by name. */
  readonly inputs?: CheckedInputs<Inputs> | null | undefined;
  /** `[A-Za-z0-9._:-]{1,128}`; made by the library where it is not given. */
  readonly correlationId?: string | null | undefined;
  /** Where the gateway may report that it is done; a public https host, or one of `callbackHosts`. */
  readonly callbackUrl?: string | null | undefined;
  /** The span that it is done for, as W3C's header of that name writes it. */
  readonly traceparent?: string | null | undefined;
}

/** Many requests: a list, anything that `for…of` or `for await…of` goes through, or either of promises. */
export type ActionRequests<Inputs extends object = InputMap> =
  | Iterable<RequestOf<Inputs> | PromiseLike<RequestOf<Inputs>>>
  | AsyncIterable<RequestOf<Inputs> | PromiseLike<RequestOf<Inputs>>>;

/** A request given to a call: `Inputs` also stands alone in it, so that it is found where inputs are of several types. */
export type RequestOf<Inputs extends object> = ActionRequest<Inputs> & {
  /** Its inputs by name. */
  readonly inputs?: Inputs | CheckedInputs<Inputs> | null | undefined;
};
