// The unmodified `spl-token` command line against a node: a token of each of the two programs from its creation to its
// end, SOL as a token, a multisig, and what Token-2022 has beside. `command-lines.sh` builds the command line and runs
// this.
//
//   SPL_TOKEN=path/of/spl-token node spl-token-cli.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Connection, LAMPORTS_PER_SOL, PublicKey } from "@solana/web3.js";
import { file, keypair, nextSlot, printed } from "./command-line.mjs";
import { run } from "./node.mjs";

const SPL_TOKEN = process.env.SPL_TOKEN ?? "spl-token";
const NATIVE = "So11111111111111111111111111111111111111112";
const [id, bob, carol] = ["id", "bob", "carol"].map(keypair);
const [ids, bobs, carols] = [id, bob, carol].map((wallet) => wallet.publicKey.toBase58());

// Without a file it does not start; what follows says all again.
writeFileSync(file("config.yml"), [
  `json_rpc_url: "http://127.0.0.1:8899"`, `websocket_url: ""`, `keypair_path: "${file("id.json")}"`,
  `address_labels: {}`, `commitment: "confirmed"`,
].join("\n"));

// What the command line prints.
function token({ url }, ...words) {
  return printed(SPL_TOKEN, ["--config", file("config.yml"), "--url", url, "--fee-payer", file("id.json"), ...words]);
}

// What it prints for programs to read.
async function json(node, ...words) {
  return JSON.parse(await token(node, ...words, "--output", "json-compact"));
}

// By default everything belongs to `id`.
const mine = ["--owner", file("id.json")];
const find = (pattern, text) => text.match(pattern)?.[1] ?? assert.fail(`no ${pattern} in ${text}`);
const signature = (text) => find(/Signature: (\w{64,})/, text);

async function createToken(node, ...words) {
  const answer = await token(node, "create-token", "--mint-authority", file("id.json"), ...words);
  signature(answer);
  return find(/Address: +(\w+)/, answer);
}

const account = async (node, mint, wallet) =>
  (await json(node, "address", "--token", mint, "--owner", wallet, "--verbose")).associatedTokenAddress;
const balance = async (node, mint, wallet) =>
  (await token(node, "balance", mint, "--owner", wallet)).trim();

const steps = [];
const step = (name, run) => steps.push([name, run]);

step("airdrop", async ({ connection }) => {
  for (const wallet of [id, bob, carol]) {
    const sent = await connection.requestAirdrop(wallet.publicKey, 100 * LAMPORTS_PER_SOL);
    const { value } = await connection.confirmTransaction(sent);
    assert.equal(value.err, null);
  }
});

const PROGRAMS = [["Token", "--program-id", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"], ["Token-2022", "--program-2022"]];
for (const [program, ...named] of PROGRAMS) {
  const mintAuthority = ["--mint-authority", file("id.json")];
  let mint;
  let held;

  step(`${program}: a token is made, with an account, and minted`, async (node) => {
    // Only a mint of Token-2022 can be closed.
    const close = program === "Token-2022" ? ["--enable-close"] : [];
    mint = await createToken(node, ...named, "--decimals", "6", "--enable-freeze", ...close);
    held = find(/Creating account (\w+)/, await token(node, "create-account", mint, ...mine));
    assert.equal(held, await account(node, mint, ids));
    signature(await token(node, "mint", mint, "1000.5", held, ...mintAuthority));
    assert.equal((await token(node, "supply", mint)).trim(), "1000.5");
    assert.equal(await balance(node, mint, ids), "1000.5");
    assert.match(await token(node, "display", mint), /Decimals: 6/);
    assert.match(await token(node, "accounts", "--owner", ids), new RegExp(mint));
    assert.match(await token(node, "account-info", mint), new RegExp(`Address: ${held}`));
  });

  step(`${program}: transferred, to who has no account yet and by a delegate`, async (node) => {
    const transfer = ["transfer", mint];
    await assert.rejects(token(node, ...transfer, "100", bobs, ...mine), /fund-recipient/);
    const answer = await token(node, ...transfer, "100", bobs, "--fund-recipient", ...mine);
    const { meta } = await node.connection.getTransaction(signature(answer), { maxSupportedTransactionVersion: 0 });
    assert.equal(meta.err, null);
    assert.equal(await balance(node, mint, bobs), "100");
    await assert.rejects(token(node, ...transfer, "5000", bobs, ...mine), /insufficient funds/i);

    signature(await token(node, "approve", held, "50", carols, ...mine));
    assert.match(await token(node, "display", held), new RegExp(`Delegate: ${carols}`));
    const delegated = ["--from", held, "--owner", file("carol.json")];
    signature(await token(node, ...transfer, "30", bobs, ...delegated));
    await assert.rejects(token(node, ...transfer, "21", bobs, ...delegated), /insufficient funds/i);
    signature(await token(node, "revoke", held, ...mine));
    await assert.rejects(token(node, ...transfer, "1", bobs, ...delegated), /owner does not match/i);
    assert.equal(await balance(node, mint, bobs), "130");
  });

  step(`${program}: frozen and thawed`, async (node) => {
    const frozen = await account(node, mint, bobs);
    const freezeAuthority = ["--freeze-authority", file("id.json")];
    signature(await token(node, "freeze", frozen, ...freezeAuthority));
    assert.match(await token(node, "display", frozen), /State: Frozen/);
    await assert.rejects(token(node, "transfer", mint, "1", carols, "--fund-recipient", "--owner", file("bob.json")),
      /Account is frozen/);
    signature(await token(node, "thaw", frozen, ...freezeAuthority));
    await token(node, "transfer", mint, "1", carols, "--fund-recipient", "--owner", file("bob.json"));
  });

  step(`${program}: a second account of the same owner is gathered into the first`, async (node) => {
    keypair(`aux-${program}`);
    await token(node, "create-account", mint, file(`aux-${program}.json`), ...mine);
    const [second] = (await json(node, "accounts", mint, "--owner", ids)).accounts
      .filter(({ isAssociated }) => !isAssociated);
    await token(node, "transfer", mint, "7", second.address, ...mine);
    await token(node, "gc", ...named, ...mine);
    assert.equal(await node.connection.getAccountInfo(new PublicKey(second.address)), null);
    assert.equal(await balance(node, mint, ids), "870.5");
  });

  step(`${program}: authorities are handed on`, async (node) => {
    signature(await token(node, "authorize", mint, "mint", bobs, "--authority", file("id.json")));
    await assert.rejects(token(node, "mint", mint, "1", held, ...mintAuthority), /owner does not match/i);
    signature(await token(node, "mint", mint, "1", held, "--mint-authority", file("bob.json")));
    signature(await token(node, "authorize", mint, "mint", "--disable", "--authority", file("bob.json")));
    await assert.rejects(token(node, "mint", mint, "2", held, "--mint-authority", file("bob.json")), /fixed/i);
  });

  step(`${program}: burnt, closed`, async (node) => {
    for (const [wallet, name] of [[id, "id"], [bob, "bob"], [carol, "carol"]]) {
      const owner = ["--owner", file(`${name}.json`)];
      const address = await account(node, mint, wallet.publicKey.toBase58());
      await assert.rejects(token(node, "close", "--address", address, ...owner), /empty the account in order to close it/);
      signature(await token(node, "burn", address, "ALL", ...owner));
      signature(await token(node, "close", "--address", address, ...owner));
      await assert.rejects(token(node, "display", address), /not found|does not exist/i);
    }
    assert.equal((await token(node, "supply", mint)).trim(), "0");
    if (program === "Token-2022") {
      signature(await token(node, "close-mint", mint, "--close-authority", file("id.json"), "--recipient", bobs));
      assert.equal(await node.connection.getAccountInfo(new PublicKey(mint)), null);
    }
  });
}

step("SOL is wrapped, synced, unwrapped", async (node) => {
  const wallet = file("id.json");
  signature(await token(node, "wrap", "2", wallet));
  const wrapped = await account(node, NATIVE, ids);
  // The account's rent is taken out of it.
  const rent = await node.connection.getMinimumBalanceForRentExemption(165);
  assert.equal(await balance(node, NATIVE, ids), String(2 - rent / LAMPORTS_PER_SOL));
  const sent = await node.connection.requestAirdrop(new PublicKey(wrapped), LAMPORTS_PER_SOL);
  await node.connection.confirmTransaction(sent);
  signature(await token(node, "sync-native", "--address", wrapped));
  assert.equal(await balance(node, NATIVE, ids), String(3 - rent / LAMPORTS_PER_SOL));
  signature(await token(node, "unwrap", wrapped, wallet));
  assert.equal(await node.connection.getAccountInfo(new PublicKey(wrapped)), null);
});

step("a multisig owns an account, and two of three move its tokens", async (node) => {
  const answer = await token(node, "create-multisig", "2", ids, bobs, carols);
  const multisig = find(/Creating 2\/3 multisig (\w+)/, answer);
  assert.match(await token(node, "multisig-info", multisig), new RegExp(carols));
  const mint = await createToken(node, "--decimals", "0");
  await token(node, "create-account", mint, "--owner", multisig);
  const held = await account(node, mint, multisig);
  await token(node, "mint", mint, "10", held, "--mint-authority", file("id.json"));
  const { blockhash } = await node.connection.getLatestBlockhash();
  const signers = ["bob", "carol"].flatMap((name) => ["--multisig-signer", file(`${name}.json`)]);
  const transfer = ["transfer", mint, "4", bobs, "--fund-recipient", "--owner", multisig, ...signers];
  signature(await token(node, ...transfer, "--blockhash", blockhash));
  assert.equal(await balance(node, mint, bobs), "4");
  assert.equal(await balance(node, mint, multisig), "6");
});

step("a fee on transfers is withheld, gathered and withdrawn", async (node) => {
  const mint = await createToken(node, "--program-2022", "--decimals", "0", "--transfer-fee-basis-points", "100",
    "--transfer-fee-maximum-fee", "5");
  await token(node, "create-account", mint, ...mine);
  await token(node, "mint", mint, "1000", "--mint-authority", file("id.json"), "--recipient-owner", ids);
  await token(node, "create-account", mint, "--owner", bobs);
  signature(await token(node, "transfer", mint, "300", bobs, "--expected-fee", "3", ...mine));
  assert.equal(await balance(node, mint, bobs), "297");
  const [own, bobsAccount] = [await account(node, mint, ids), await account(node, mint, bobs)];
  const authority = ["--withdraw-withheld-authority", file("id.json")];
  signature(await token(node, "withdraw-withheld-tokens", own, bobsAccount, ...authority));
  assert.equal(await balance(node, mint, ids), "703");
});

step("metadata in the mint is written, changed, removed", async (node) => {
  const mint = await createToken(node, "--program-2022", "--enable-metadata");
  const authority = ["--authority", file("id.json")];
  const named = ["Sealane", "SEA", "https://example.com/sea.json"];
  signature(await token(node, "initialize-metadata", mint, ...named, "--mint-authority", file("id.json")));
  signature(await token(node, "update-metadata", mint, "colour", "blue", ...authority));
  const shown = await token(node, "display", mint);
  for (const words of ["Sealane", "SEA", "colour", "blue"]) assert.match(shown, new RegExp(words));
  signature(await token(node, "update-metadata", mint, "colour", "--remove", ...authority));
  assert.doesNotMatch(await token(node, "display", mint), /colour/);
});

step("extensions that forbid: no transfers, frozen from the start, memos wanted, paused", async (node) => {
  const soulbound = await createToken(node, "--program-2022", "--decimals", "0", "--enable-non-transferable");
  await token(node, "create-account", soulbound, ...mine);
  await token(node, "mint", soulbound, "1", "--mint-authority", file("id.json"), "--recipient-owner", ids);
  await assert.rejects(token(node, "transfer", soulbound, "1", bobs, "--fund-recipient", ...mine), /[Tt]ransfer is disabled/);

  const frozen = await createToken(node, "--program-2022", "--enable-freeze", "--default-account-state", "frozen");
  const made = await token(node, "create-account", frozen, ...mine);
  assert.match(await token(node, "display", find(/Creating account (\w+)/, made)), /State: Frozen/);

  const pausable = await createToken(node, "--program-2022", "--decimals", "0", "--enable-pause");
  const held = find(/Creating account (\w+)/, await token(node, "create-account", pausable, ...mine));
  const mint = ["mint", pausable, "5", "--mint-authority", file("id.json"), "--recipient-owner", ids];
  signature(await token(node, "pause", pausable, "--pause-authority", file("id.json")));
  await assert.rejects(token(node, ...mint), /paused/);
  signature(await token(node, "resume", pausable, "--pause-authority", file("id.json")));
  await nextSlot(node);
  signature(await token(node, ...mint));

  signature(await token(node, "create-account", pausable, "--owner", carols));
  const carolsAccount = await account(node, pausable, carols);
  signature(await token(node, "enable-required-transfer-memos", carolsAccount, "--owner", file("carol.json")));
  const transfer = ["transfer", pausable, "1", carols, "--from", held, ...mine];
  await assert.rejects(token(node, ...transfer), /memo/i);
  // With a memo it would not pass either: this command line writes it by a newer program than this Token-2022 knows.
  signature(await token(node, "disable-required-transfer-memos", carolsAccount, "--owner", file("carol.json")));
  await nextSlot(node);
  signature(await token(node, ...transfer));
  assert.equal(await balance(node, pausable, carols), "1");
});

await run(steps, (url) => ({ url, connection: new Connection(url, "confirmed") }));
