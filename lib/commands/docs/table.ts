import { aiDocs } from './ai.ts';
import { clientsDocs } from './clients.ts';
import { collectionsDocs } from './collections.ts';
import { type Doc, docsOf } from './doc.ts';
import { keysDocs } from './keys.ts';
import { serverDocs } from './server.ts';
import { sortedSetsDocs } from './sorted-sets.ts';
import { streamsDocs } from './streams.ts';
import { stringsDocs } from './strings.ts';

export const commandDocs: ReadonlyMap<string, Doc> = new Map(
  [
    clientsDocs,
    keysDocs,
    stringsDocs,
    collectionsDocs,
    sortedSetsDocs,
    streamsDocs,
    serverDocs,
    aiDocs,
  ].flatMap((docs) => [...docs]),
);

/** Of HELP and whatever else has nothing to say: no arguments, O(1). */
const [[, plain] = ['', undefined]] = docsOf('plain');

/** @param name In full: `config|get`. */
export function docOf(name: string): Doc {
  const doc = commandDocs.get(name) ?? plain;
  if (doc === undefined) throw new Error(`no docs of ${name}`);
  return doc;
}
