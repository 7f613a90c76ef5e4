// What tutti-cli takes from standard input besides commands: an argument, or a password.

import { createInterface } from 'node:readline';

/** All of standard input. */
export async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Asks for a password; at a terminal each letter shows as a star. */
export async function askPassword(): Promise<string> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY) {
    for await (const line of createInterface({ input: stdin })) return line;
    return '';
  }
  stdout.write('Please input password: ');
  stdin.setRawMode(true);
  try {
    return await typedPassword();
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write('\n');
  }
}

function typedPassword(): Promise<string> {
  const { stdin, stdout } = process;
  let letters: string[] = [];
  return new Promise((resolve) => {
    const take = (chunk: Buffer) => {
      for (const letter of chunk.toString()) {
        if (letter === '\r' || letter === '\n' || letter === '\x04') {
          stdin.off('data', take);
          resolve(letters.join(''));
          return;
        }
        if (letter === '\x03') process.exit(130);
        if (letter === '\x7f' || letter === '\b') {
          if (letters.length > 0) stdout.write('\b \b');
          letters = letters.slice(0, -1);
        } else {
          letters.push(letter);
          stdout.write('*');
        }
      }
    };
    stdin.on('data', take);
  });
}
