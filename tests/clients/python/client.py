"""The unmodified solana and solders packages against a running node: what their users do.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python client.py [path of the sealane-validator binary]
"""

import asyncio
import json
import pathlib
import signal
import subprocess
import sys

from solana.rpc.api import Client
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized
from solana.rpc.core import RPCException
from solana.rpc.types import TxOpts
from solana.rpc.websocket_api import connect
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction, VersionedTransaction

HERE = pathlib.Path(__file__).parent
BINARY = HERE / "../../../target/release/sealane-validator"
STEPS = []
PAYER = Keypair()


def step(run):
    STEPS.append(run)
    return run


def signed(client, instructions, payer=PAYER):
    blockhash = client.get_latest_blockhash().value.blockhash
    return Transaction.new_signed_with_payer(instructions, payer.pubkey(), [payer], blockhash)


def transfer_to(to, lamports):
    return transfer(TransferParams(from_pubkey=PAYER.pubkey(), to_pubkey=to, lamports=lamports))


def send(client, transaction, **options):
    sent = client.send_raw_transaction(bytes(transaction), opts=TxOpts(**options)).value
    client.confirm_transaction(sent, Confirmed)
    return sent


@step
def an_airdrop(client, _ws_url):
    sent = client.request_airdrop(PAYER.pubkey(), 10_000_000_000).value
    client.confirm_transaction(sent, Finalized)
    assert client.get_balance(PAYER.pubkey()).value == 10_000_000_000


@step
def a_transfer_of_each_version(client, _ws_url):
    to = Keypair().pubkey()
    budget = [set_compute_unit_limit(1_000), set_compute_unit_price(1_000)]
    send(client, signed(client, [*budget, transfer_to(to, 1_000_000)]))
    blockhash = client.get_latest_blockhash().value.blockhash
    message = MessageV0.try_compile(PAYER.pubkey(), [transfer_to(to, 5)], [], blockhash)
    sent = send(client, VersionedTransaction(message, [PAYER]), skip_preflight=True)
    assert client.get_balance(to).value == 1_000_005
    found = client.get_transaction(sent, max_supported_transaction_version=0).value
    assert found.transaction.meta.err is None
    parsed = client.get_transaction(sent, "jsonParsed", max_supported_transaction_version=0).value
    instruction = parsed.transaction.transaction.message.instructions[0]
    assert instruction.program == "system", instruction
    statuses = client.get_signature_statuses([sent]).value
    assert statuses[0].err is None


@step
def an_overdraft_is_refused_with_its_logs(client, _ws_url):
    transaction = signed(client, [transfer_to(Keypair().pubkey(), 2**62)])
    try:
        client.send_raw_transaction(bytes(transaction))
    except RPCException as error:
        failure = error.args[0]
        assert any("insufficient lamports" in line for line in failure.data.logs), failure
        return
    raise AssertionError("it was taken")


@step
def a_simulation(client, _ws_url):
    transaction = signed(client, [transfer_to(Keypair().pubkey(), 1_000_000)])
    simulated = client.simulate_transaction(transaction, sig_verify=True).value
    assert simulated.err is None and simulated.units_consumed == 150, simulated


@step
def what_is_read(client, _ws_url):
    assert client.is_connected()
    slot = client.get_slot().value
    assert client.get_epoch_info().value.slots_in_epoch == 432_000
    assert client.get_block_height().value >= slot
    assert client.get_cluster_nodes().value[0].pubkey == client.get_identity().value.identity
    assert client.get_supply().value.total > 0
    assert len(client.get_largest_accounts().value) == 20
    client.get_version()
    client.get_leader_schedule()
    client.get_inflation_governor()
    client.get_vote_accounts()
    client.get_recent_performance_samples(1)
    assert client.get_account_info(PAYER.pubkey()).value.lamports > 0
    assert client.get_multiple_accounts([PAYER.pubkey(), Keypair().pubkey()]).value[1] is None
    token = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
    assert client.get_program_accounts(token).value
    wrapped = Pubkey.from_string("So11111111111111111111111111111111111111112")
    mint = client.get_account_info_json_parsed(wrapped).value
    assert mint.data.parsed["type"] == "mint", mint
    assert client.get_signatures_for_address(PAYER.pubkey()).value


@step
def blocks(client, _ws_url):
    sent = send(client, signed(client, [transfer_to(Keypair().pubkey(), 1_000_000)]))
    slot = client.get_transaction(sent).value.slot
    # The first slot of all is named before it is sealed.
    while client.get_slot().value <= slot:
        pass
    block = client.get_block(slot, max_supported_transaction_version=0).value
    assert sent in [it.transaction.signatures[0] for it in block.transactions]
    assert client.get_blocks(slot, slot).value == [slot]


@step
def subscriptions(client, ws_url):
    to = Keypair().pubkey()

    async def hear():
        async with connect(ws_url) as websocket, AsyncClient(client._provider.endpoint_uri) as rpc:
            await websocket.account_subscribe(to, Confirmed, "base64")
            await websocket.recv()
            await websocket.logs_subscribe(commitment=Confirmed)
            await websocket.recv()
            transaction = signed(client, [transfer_to(to, 1_000_000)])
            await rpc.send_raw_transaction(bytes(transaction))
            kinds = set()
            while len(kinds) < 2:
                for message in await asyncio.wait_for(websocket.recv(), 20):
                    kinds.add(type(message).__name__)
            assert kinds == {"AccountNotification", "LogsNotification"}, kinds

    asyncio.run(hear())


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else str(BINARY)
    node = subprocess.Popen([binary, "--port", "0", "--ready-json"], stdout=subprocess.PIPE, text=True)
    failed = 0
    try:
        ready = json.loads(node.stdout.readline())
        client = Client(ready["rpcUrl"], commitment=Confirmed)
        for run in STEPS:
            try:
                run(client, ready["wsUrl"])
                print(f"ok {run.__name__}")
            except Exception as error:  # Whatever it is, the other steps run.
                failed += 1
                print(f"FAILED {run.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        node.send_signal(signal.SIGINT)
        code = node.wait()
    print(f"{len(STEPS) - failed} passed, {failed} failed")
    sys.exit(1 if failed or code != 0 else 0)


main()
