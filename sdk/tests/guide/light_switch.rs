use sealane_sdk::{
    AccountInfo, ProgramResult, Pubkey, declare_id, entrypoint, msg, next_account_info,
};

declare_id!("LightSwitch11111111111111111111111111111111");
entrypoint!(process_instruction, compute_units = 200);

fn process_instruction(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let switch = next_account_info(&mut accounts.iter())?;
    let mut light = switch.data_mut(0..1)?;
    light[0] ^= 1;
    msg!("the light is {}", if light[0] == 1 { "on" } else { "off" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, testing::Harness};

    #[test]
    fn the_switch_turns_the_light_on_and_off() {
        let key = Pubkey::new_from_array([1; 32]);
        let switch = AccountState {
            lamports: 1_000_000,
            owner: ID,
            data: vec![0].into(),
            ..Default::default()
        };
        let mut harness = Harness::new()
            .with_program(program())
            .with_account(key, switch);
        let mut flip = Instruction {
            program_id: ID,
            accounts: vec![AccountMeta::new(key, false)],
            data: vec![],
        };

        let outcome = harness.process_instruction(&flip);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(outcome.logs[1], "Program log: the light is on");
        assert_eq!(harness.account(&key).data.as_slice(), [1]);

        harness.process_instruction(&flip);
        assert_eq!(harness.account(&key).data.as_slice(), [0]);

        flip.accounts[0].is_writable = false;
        let outcome = harness.process_instruction(&flip);
        let refused = Err((0, InstructionError::ReadonlyDataModified));
        assert_eq!(outcome.result, refused);
    }
}
