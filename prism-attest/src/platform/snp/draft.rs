//! The policy that accepts machines like this one, where it has no weakness.

use prism_core::manifest::platform::{
    Accept, List, Minimum, Mitigations, Product, SigningKeyRule, SnpPolicy, SnpRequire, VlekRule, Vmpl,
};

use super::chain::Key;
use super::claims::{ChipId, SnpClaims};
use super::report::{platform, policy as guest};
use crate::draft::Sketch;

pub(crate) fn draft(claims: &SnpClaims, sketch: &mut Sketch<'_>) -> SnpPolicy {
    let minimum = Minimum { min_tcb: claims.reported_tcb, min_launch_tcb: claims.launch_tcb };
    let mut policy = SnpPolicy::strict([(claims.product, minimum)].into(), Accept::only(claims.measurement));
    sketch.confirm(
        "measurements",
        "this is what ran on the machine that was asked. Compare it with the measurement of the image that you built; \
         the machine cannot tell whether it is the right one.",
    );
    firmware(claims, sketch);
    signer(claims, &mut policy, sketch);
    identities(claims, &mut policy, sketch);
    launched(claims, &mut policy, sketch);
    weaknesses(claims, &mut policy, sketch);
    policy.require = protections(claims);
    sketch.confirm("require", "what this machine has is demanded of all. Do your other machines have it too?");
    policy
}

fn firmware(claims: &SnpClaims, sketch: &mut Sketch<'_>) {
    let known = match claims.product {
        Product::Milan => {
            " Software can extract the secrets of Milan processors and forge any version (arXiv 2605.12990)."
        }
        _ => "",
    };
    let text = "these are this machine's versions. Does AMD know of weaknesses in them? Then ask for newer ones.";
    sketch.confirm("products", format_args!("{text}{known}"));
}

fn signer(claims: &SnpClaims, policy: &mut SnpPolicy, sketch: &mut Sketch<'_>) {
    let text = match &claims.key {
        Key::Vcek => "the chip's own key signed.",
        Key::Vlek(provider) => {
            let rule = VlekRule { csp_ids: Accept::only(provider.clone()) };
            policy.signing_keys = List::only(SigningKeyRule::Vlek(rule));
            "a cloud provider's key signed; which chip it was stays hidden. Is it your provider?"
        }
    };
    sketch.confirm("signing_keys", text);
    let text = match claims.chip_id {
        ChipId::Shown(id) => {
            policy.chip_ids = Accept::only(id);
            "this one processor and no other. Add those that you know, or write \"any\" to accept every one."
        }
        ChipId::Masked => "the host hides the processor: every one is accepted.",
    };
    sketch.confirm("chip_ids", text);
    let text = if claims.revocation_list { "a list was at hand." } else { "NO LIST WAS AT HAND: bring AMD's (CRL)." };
    sketch.confirm("revocation", text);
}

fn identities(claims: &SnpClaims, policy: &mut SnpPolicy, sketch: &mut Sketch<'_>) {
    policy.host_data = Accept::only(claims.host_data);
    policy.family_ids = Accept::only(claims.family_id);
    policy.image_ids = Accept::only(claims.image_id);
    policy.id_keys = Accept::only(claims.id_key);
    let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    for (field, none) in [
        ("host_data", zero(claims.host_data.as_bytes())),
        ("family_ids", zero(claims.family_id.as_bytes())),
        ("image_ids", zero(claims.image_id.as_bytes())),
        ("id_keys", zero(claims.id_key.as_bytes())),
    ] {
        let set = "set at launch on this machine. Is it yours, and the same on every machine?";
        sketch.confirm(field, if none { "not set on this machine; machines that set it are refused." } else { set });
    }
    sketch.confirm("report_ids", "another one at each launch; naming one accepts that one launch only.");
    policy.author_keys = claims.author_key.map_or(Accept::Any, Accept::only);
    let none = "no author key on this machine; machines with one are accepted too.";
    sketch.confirm("author_keys", if claims.author_key.is_some() { "this author's key." } else { none });
}

fn launched(claims: &SnpClaims, policy: &mut SnpPolicy, sketch: &mut Sketch<'_>) {
    policy.vmpls = Vmpl::try_from(claims.vmpl).map_or(List::only(Vmpl::MOST_PRIVILEGED), List::only);
    policy.min_guest_svn = claims.guest_svn;
    policy.min_abi = claims.abi();
    let (launch, current) = (claims.launch_mitigations.0, claims.current_mitigations.0);
    policy.min_mitigations = Mitigations { launch, current };
    sketch.confirm("vmpls", "the level of the program that asked. At 0 it owns the whole guest.");
    sketch.confirm("min_guest_svn", "this machine's; the identity block sets it.");
    sketch.confirm("min_abi", "this machine's; its guest policy sets it.");
    sketch.confirm("min_mitigations", "what this machine has; only reports of version 5 have any.");
}

fn weaknesses(claims: &SnpClaims, policy: &mut SnpPolicy, sketch: &mut Sketch<'_>) {
    let (demanded, given) = (claims.guest_policy, claims.platform_info);
    let uncommitted =
        claims.committed_tcb != claims.current_tcb || claims.committed_firmware != claims.current_firmware;
    policy.allow.smt = demanded.has(guest::SMT) || given.has(platform::SMT);
    if policy.allow.smt {
        sketch.confirm("allow.smt", "this machine shares cores between threads, as most do. false refuses that.");
    }
    for (weakness, present) in [
        ("debug", demanded.has(guest::DEBUG)),
        ("migration", demanded.has(guest::MIGRATE_MA)),
        ("cxl", demanded.has(guest::CXL_ALLOW)),
        ("trusted_io", given.has(platform::TIO)),
        ("provisional_firmware", uncommitted),
        ("masked_chip_id", claims.key == Key::Vcek && claims.chip_id == ChipId::Masked),
    ] {
        sketch.refuses(weakness, present);
    }
}

fn protections(claims: &SnpClaims) -> SnpRequire {
    let (demanded, given) = (claims.guest_policy, claims.platform_info);
    let mut require = SnpRequire::nothing_more();
    require.alias_check = given.has(platform::ALIAS_CHECK);
    require.ciphertext_hiding = given.has(platform::CIPHERTEXT_HIDING);
    require.single_socket = demanded.has(guest::SINGLE_SOCKET);
    require.rapl_disabled = given.has(platform::RAPL_DIS);
    require.ecc = given.has(platform::ECC);
    require.tsme = given.has(platform::TSME);
    require.aes_256_xts = demanded.has(guest::MEM_AES_256_XTS);
    require.page_swap_disabled = demanded.has(guest::PAGE_SWAP_DISABLE);
    require
}
