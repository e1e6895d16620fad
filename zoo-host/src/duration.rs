//! Durations as people type them.

use std::time::Duration;

/// Reads `90s`, `20m`, `2h` or plain seconds.
///
/// # Errors
/// A sentence where it is none, or under a second or over three years.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: give seconds, minutes or hours, such as 90s, 20m or 2h");
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let factor = match unit {
        None | Some('s') => 1.0,
        Some('m') => 60.0,
        Some('h') => 3600.0,
        Some(_) => return Err(wrong()),
    };
    let number = &text[..text.len() - unit.map_or(0, char::len_utf8)];
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if !(1.0..=1e8).contains(&seconds) {
        return Err(format!("`{text}` is out of range: give at least one second and at most three years"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times() {
        assert_eq!(parse_time("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(parse_time("1.5m").map(|time| time.as_secs()), Ok(90));
        assert_eq!(parse_time("2h").map(|time| time.as_secs()), Ok(7200));
        assert_eq!(parse_time("45").map(|time| time.as_secs()), Ok(45));
        for wrong in ["", "m", "5d", "-3s", "0", "nan", "1e300h", "5ä"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
