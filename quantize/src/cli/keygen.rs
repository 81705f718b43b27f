//! `kinglet keygen`

use std::path::PathBuf;

use clap::Args;

use super::{Outcome, print};
use crate::signing;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the secret goes: a private key in PKCS#8 PEM. A file that exists is not replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Where the public key goes, for firmware and for `kinglet verify --public`
    #[arg(long, value_name = "FILE", required_unless_present = "device")]
    public: Option<PathBuf>,
    /// Make the key of a device instead, for `kinglet seal`: 64 hexadecimal digits
    #[arg(long, conflicts_with = "public")]
    device: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Some(public) = &arguments.public else {
        signing::write_secret(&arguments.output, &signing::new_device_key()?)?;
        return print(&format!("{} has the device's key; keep it secret", arguments.output.display()));
    };
    let pair = signing::new_key_pair()?;
    signing::write_secret(&arguments.output, &(pair.sk.to_pem().trim_end().to_owned() + "\n"))?;
    signing::write_public(public, &pair)?;
    print(&format!(
        "key {:08x}: {} is secret, {} is for devices",
        signing::key_id(&pair),
        arguments.output.display(),
        public.display()
    ))
}
