//! The names of PostgreSQL's codes (Appendix A).

/// The code, and its name if it is one that an operator may see.
pub(super) fn named(code: &str) -> String {
    let name = NAMES.iter().find(|(known, _)| *known == code);
    match name {
        Some((_, name)) => format!("{code} {name}"),
        None => code.to_owned(),
    }
}

const NAMES: [(&str, &str); 37] = [
    ("08006", "connection_failure"),
    ("08P01", "protocol_violation"),
    ("0A000", "feature_not_supported"),
    ("22021", "character_not_in_repertoire"),
    ("22P02", "invalid_text_representation"),
    ("23502", "not_null_violation"),
    ("23503", "foreign_key_violation"),
    ("23505", "unique_violation"),
    ("23514", "check_violation"),
    ("25006", "read_only_sql_transaction"),
    ("25P02", "in_failed_sql_transaction"),
    ("26000", "invalid_sql_statement_name"),
    ("28000", "invalid_authorization_specification"),
    ("28P01", "invalid_password"),
    ("3D000", "invalid_catalog_name"),
    ("3F000", "invalid_schema_name"),
    ("40001", "serialization_failure"),
    ("40P01", "deadlock_detected"),
    ("42501", "insufficient_privilege"),
    ("42601", "syntax_error"),
    ("42703", "undefined_column"),
    ("42883", "undefined_function"),
    ("42P01", "undefined_table"),
    ("42P05", "duplicate_prepared_statement"),
    ("42P07", "duplicate_table"),
    ("53100", "disk_full"),
    ("53200", "out_of_memory"),
    ("53300", "too_many_connections"),
    ("57014", "query_canceled"),
    ("57P01", "admin_shutdown"),
    ("57P02", "crash_shutdown"),
    ("57P03", "cannot_connect_now"),
    ("57P05", "idle_session_timeout"),
    ("58030", "io_error"),
    ("P0001", "raise_exception"),
    ("XX000", "internal_error"),
    ("XX001", "data_corrupted"),
];
