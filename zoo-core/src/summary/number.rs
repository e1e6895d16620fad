//! Numbers for people: thousands separators, signs, short forms.

/// `5288548` as `5,288,548`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Like [`grouped`], with `-` for nothing.
pub(crate) fn grouped_or_dash(number: u64) -> String {
    if number == 0 { "-".into() } else { grouped(number) }
}

/// A difference with its sign: `+3,135,300`, `-12`, `0`.
pub(crate) fn signed(difference: i128) -> String {
    // Differences of two u64 sums fit a u64.
    let size = grouped(u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX));
    match difference.signum() {
        1 => format!("+{size}"),
        -1 => format!("-{size}"),
        _ => "0".into(),
    }
}

/// Three significant digits and a unit: `5.29 M`, `386 M`, `37.7 G`; whole numbers below a thousand.
pub(crate) fn short(number: u64) -> String {
    const UNITS: [(&str, f64); 4] = [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)];
    let value = number as f64;
    for (unit, size) in UNITS {
        // From 999.5 of the smaller unit on, rounding would show "1000".
        if value >= size * 0.9995 {
            let scaled = value / size;
            let decimals = if scaled >= 99.95 { 0 } else { 1 + usize::from(scaled < 9.995) };
            return format!("{scaled:.decimals$} {unit}");
        }
    }
    number.to_string()
}

/// A share in percent with one decimal, 0 where there is nothing to share.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three_digits_are_separated() {
        let read: Vec<String> = [0, 7, 999, 1000, 5_288_548].map(grouped).into();
        assert_eq!(read, ["0", "7", "999", "1,000", "5,288,548"]);
        assert_eq!((signed(3_135_300), signed(-12), signed(0)), ("+3,135,300".into(), "-12".into(), "0".into()));
    }

    #[test]
    fn short_forms_keep_three_digits() {
        let read: Vec<String> = [999, 1000, 5_288_548, 385_814_752, 999_700, 37_745_884_192].map(short).into();
        assert_eq!(read, ["999", "1.00 k", "5.29 M", "386 M", "1.00 M", "37.7 G"]);
    }
}
