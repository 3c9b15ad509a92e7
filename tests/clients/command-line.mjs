// What the scripts for command lines share: a folder with keypairs, and what a command prints.

import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Keypair } from "@solana/web3.js";

const folder = mkdtempSync(join(tmpdir(), "sealane-cli-"));

export const file = (name) => join(folder, name);

// A keypair, also as the file `name.json` that a command line reads.
export function keypair(name) {
  const made = Keypair.generate();
  writeFileSync(file(`${name}.json`), JSON.stringify([...made.secretKey]));
  return made;
}

// What the program prints; if it fails, an error with all it said.
export async function printed(program, words) {
  try {
    const { stdout } = await promisify(execFile)(program, words, { maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${words.join(" ")}: ${error.code}\n${error.stdout}${error.stderr}`);
  }
}

// What may happen once in a slot may happen again: advancing a nonce, changing a program, the same transfer.
export async function nextSlot({ connection }) {
  const slot = await connection.getSlot();
  while (await connection.getSlot() < slot + 2) await new Promise((resolve) => setTimeout(resolve, 50));
}
