//! Failures of a download, with what can be done about them.

use bossnas_hub::cache::CacheError;
use bossnas_hub::{DataSet, RemoteFile};
use bossnas_report::{Exit, Failure, units};
use bossnas_zoo::fetch::{DataSetError, Fault, FetchError};

/// Why `file` is not in the cache; `kept` bytes of it are.
pub(super) fn explain(file: &RemoteFile, error: FetchError, kept: u64) -> Failure {
    let message = error.to_string();
    match error {
        FetchError::Sources { faults, .. } => {
            let mut failure = Failure::new(Exit::Network, message);
            if faults.len() > 1 {
                failure = faults
                    .iter()
                    .fold(failure, |failure, (source, fault)| failure.detail(format!("{source}: {fault}")));
            }
            if kept > 0 {
                let kept = units::bytes(kept);
                failure = failure.hint(format!("{kept} of it are kept: the same command goes on from there"));
            }
            hints(failure, file, &faults.into_iter().map(|(_, fault)| fault).collect::<Vec<_>>())
        }
        FetchError::Offline { .. } => Failure::new(Exit::Network, message).hint(elsewhere(file)),
        FetchError::Pin { .. } => Failure::new(Exit::Network, message)
            .hint("--retrust forgets what came earlier, but never what the registry says"),
        FetchError::Convert { kept: true, .. } => {
            Failure::failed(message).hint("the file itself has the expected digest and is in the cache")
        }
        FetchError::Convert { error, .. } if error.is_of_file() => Failure::new(Exit::Network, message)
            .hint("what came was thrown away: the page of a network that wants a login, perhaps, or a file cut short"),
        FetchError::NoSpace { ref space, .. } => Failure::failed(format!(
            "`{}` needs {} in `{}`, where {} are free",
            file.name,
            units::bytes(space.needed),
            space.folder.display(),
            units::bytes(space.free)
        ))
        .hint("`bossnas-zoo cache gc` frees what is not needed, $BOSSNAS_HOME moves the cache"),
        FetchError::Cache(CacheError::Lock { .. }) => Failure::failed(message)
            .hint("without it fetching begins anew; what was recorded on first use is then forgotten"),
        FetchError::Convert { .. } | FetchError::Vanished { .. } | FetchError::Cache(_) | FetchError::Io(_) => {
            Failure::failed(message)
        }
    }
}

/// Why a data set could not be unpacked.
pub(super) fn explain_data(set: &DataSet, error: &DataSetError) -> Failure {
    Failure::failed(format!("cannot unpack `{}`: {error}", set.name))
}

fn hints(mut failure: Failure, file: &RemoteFile, faults: &[Fault]) -> Failure {
    if faults.iter().any(|fault| matches!(fault, Fault::Certificate(_))) {
        failure = failure.hint("--ca-file FILE (or $BOSSNAS_CA_FILE) trusts a further authority, such as a proxy's");
    }
    if faults.iter().any(|fault| matches!(fault, Fault::Digest { .. } | Fault::Length { .. })) && file.sha256.is_none()
    {
        failure = failure.hint(
            "no digest is published; the expected one was recorded when the file came first, or given with --sha256. If the \
             file has changed for a good reason, --retrust takes the new one",
        );
    }
    let unreachable = |fault: &Fault| !matches!(fault, Fault::Digest { .. } | Fault::Certificate(_) | Fault::Read(_));
    if faults.iter().any(unreachable) {
        failure = failure.hint(elsewhere(file)).hint("HTTPS_PROXY names a proxy, if there must be one");
    }
    failure
}

/// The ways without the registry's address.
fn elsewhere(file: &RemoteFile) -> String {
    format!(
        "--mirror URL takes it from a server that has `{0}`, --from-file PATH from a copy that was brought by hand ({1})",
        file.name, file.url
    )
}
