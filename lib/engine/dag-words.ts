// The words of a DAG, packed for one native call.

import type { ModelRunWords, ScriptRunWords, TensorWords } from './engine.ts';

/** As in native/binding/dag.cc. */
const operations = { setTensor: 0, getTensor: 1, runModel: 2, runScript: 3 } as const;

const NUMBERS_FIRST = 256;
/** Beyond this the room of one DAG is not kept for the next. */
const NUMBERS_KEPT = 64 * 1024;
/** First and count of LOAD. */
const HEAD_NUMBERS = 2;

/** Operations in the order of the text, as numbers: codes and word indices. Used again and again. */
export class DagWords {
  numbers = new Int32Array(NUMBERS_FIRST);
  count = HEAD_NUMBERS;
  firstPersisted = 0;
  persistedCount = 0;
  /** 0 waits for ever. */
  timeoutMs = 0;

  clear(): void {
    if (this.numbers.length > NUMBERS_KEPT) this.numbers = new Int32Array(NUMBERS_FIRST);
    this.numbers.fill(0, 0, HEAD_NUMBERS);
    this.count = HEAD_NUMBERS;
    this.firstPersisted = 0;
    this.persistedCount = 0;
    this.timeoutMs = 0;
  }

  load(first: number, count: number): void {
    this.numbers[0] = first;
    this.numbers[1] = count;
  }

  persist(first: number, count: number): void {
    this.firstPersisted = first;
    this.persistedCount = count;
  }

  setTensor(name: number, words: TensorWords): void {
    this.#add(operations.setTensor, name, words.dtype, words.firstDim, words.dimCount);
    this.#add(words.source, words.firstData, words.dataCount);
  }

  getTensor(name: number): void {
    this.#add(operations.getTensor, name);
  }

  runModel(words: ModelRunWords): void {
    this.#add(operations.runModel, words.key, words.firstInput, words.inputCount);
    this.#add(words.firstOutput, words.outputCount);
  }

  runScript(words: ScriptRunWords): void {
    this.#add(operations.runScript, words.key, words.functionName, words.variadicFrom);
    for (const list of [words.keys, words.args, words.inputs, words.outputs]) {
      this.#add(list.length);
      this.#addList(list);
    }
  }

  #add(...numbers: number[]): void {
    this.#addList(numbers);
  }

  #addList(numbers: readonly number[]): void {
    const end = this.count + numbers.length;
    if (end > this.numbers.length) {
      const larger = new Int32Array(2 * end);
      larger.set(this.numbers.subarray(0, this.count));
      this.numbers = larger;
    }
    this.numbers.set(numbers, this.count);
    this.count = end;
  }
}
