// The unmodified @solana-program/token, with @solana/kit, against the real Token program.
//
//   npm install && node token-kit.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import { run } from "./node.mjs";
import {
  airdropFactory, appendTransactionMessageInstructions, assertIsTransactionWithBlockhashLifetime,
  createSolanaRpc, createSolanaRpcSubscriptions, createTransactionMessage, generateKeyPairSigner,
  getSignatureFromTransaction, lamports, pipe, sendAndConfirmTransactionFactory,
  setTransactionMessageFeePayerSigner, setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
} from "@solana/kit";
import { getCreateAccountInstruction } from "@solana-program/system";
import {
  TOKEN_PROGRAM_ADDRESS, fetchMaybeToken, fetchMint, fetchToken, findAssociatedTokenPda,
  getApproveInstruction, getBurnInstruction, getCloseAccountInstruction,
  getCreateAssociatedTokenIdempotentInstructionAsync, getInitializeMint2Instruction, getMintSize,
  getMintToInstruction, getTransferInstruction,
} from "@solana-program/token";

const steps = [];
const step = (name, run) => steps.push([name, run]);

const alice = await generateKeyPairSigner();
const bob = await generateKeyPairSigner();
const mint = await generateKeyPairSigner();
const tokens = async (owner) =>
  (await findAssociatedTokenPda({ owner, mint: mint.address, tokenProgram: TOKEN_PROGRAM_ADDRESS }))[0];
const mine = await tokens(alice.address);
const yours = await tokens(bob.address);

async function send({ rpc, rpcSubscriptions }, instructions) {
  const { value: latest } = await rpc.getLatestBlockhash().send();
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (message) => setTransactionMessageFeePayerSigner(alice, message),
    (message) => setTransactionMessageLifetimeUsingBlockhash(latest, message),
    (message) => appendTransactionMessageInstructions(instructions, message),
  );
  const transaction = await signTransactionMessageWithSigners(message);
  assertIsTransactionWithBlockhashLifetime(transaction);
  const sendAndConfirm = sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });
  await sendAndConfirm(transaction, { commitment: "confirmed" });
  return getSignatureFromTransaction(transaction);
}

step("an airdrop", async (connection) => {
  const airdrop = airdropFactory(connection);
  await airdrop({
    commitment: "confirmed", recipientAddress: alice.address, lamports: lamports(10_000_000_000n),
  });
});

step("a mint and two accounts are made, and tokens minted", async (connection) => {
  const space = BigInt(getMintSize());
  const rent = await connection.rpc.getMinimumBalanceForRentExemption(space).send();
  const account = (owner) => getCreateAssociatedTokenIdempotentInstructionAsync({
    payer: alice, owner, mint: mint.address,
  });
  await send(connection, [
    getCreateAccountInstruction({
      payer: alice, newAccount: mint, lamports: rent, space, programAddress: TOKEN_PROGRAM_ADDRESS,
    }),
    getInitializeMint2Instruction({ mint: mint.address, decimals: 2, mintAuthority: alice.address }),
    await account(alice.address),
    await account(bob.address),
    getMintToInstruction({ mint: mint.address, token: mine, mintAuthority: alice, amount: 10_000n }),
  ]);
  const { data } = await fetchMint(connection.rpc, mint.address);
  assert.equal(data.supply, 10_000n);
  assert.equal(data.decimals, 2);
});

step("tokens are transferred, by their owner and by a delegate", async (connection) => {
  await send(connection, [
    getTransferInstruction({ source: mine, destination: yours, authority: alice, amount: 1_000n }),
    getApproveInstruction({ source: mine, delegate: bob.address, owner: alice, amount: 500n }),
    getTransferInstruction({ source: mine, destination: yours, authority: bob, amount: 200n }),
  ]);
  assert.equal((await fetchToken(connection.rpc, mine)).data.amount, 8_800n);
  const { data } = await fetchToken(connection.rpc, yours);
  assert.equal(data.amount, 1_200n);
  assert.equal(data.owner, bob.address);
});

step("tokens are burnt, and an empty account is closed", async (connection) => {
  await send(connection, [
    getBurnInstruction({ account: mine, mint: mint.address, authority: alice, amount: 8_800n }),
    getCloseAccountInstruction({ account: mine, destination: alice.address, owner: alice }),
  ]);
  assert.equal((await fetchMaybeToken(connection.rpc, mine)).exists, false);
  assert.equal((await fetchMint(connection.rpc, mint.address)).data.supply, 1_200n);
});

step("what the program refuses is told", async (connection) => {
  await assert.rejects(send(connection, [
    getTransferInstruction({ source: yours, destination: yours, authority: bob, amount: 1_201n }),
  ]));
});

await run(steps, (http, ws) => ({
  rpc: createSolanaRpc(http), rpcSubscriptions: createSolanaRpcSubscriptions(ws),
}));
