// Byte strings: each character stands for one byte (latin1). So names, patterns and passwords that are
// no UTF-8 stay what they are, and are compared byte by byte.

export function fromBytes(bytes: Buffer): string {
  return bytes.toString('latin1');
}

export function toBytes(byteString: string): Buffer {
  return Buffer.from(byteString, 'latin1');
}

/** As people read it. */
export function asText(byteString: string): string {
  return toBytes(byteString).toString();
}

export function fromText(text: string): string {
  return fromBytes(Buffer.from(text));
}
