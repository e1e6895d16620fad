//! Tables under all that befalls them.

use proptest::prelude::*;

use super::*;

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(String::from).collect()
}

#[test]
fn rows_follow_one_header() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/table.csv");
    let table = Table::new(&path, &["a", "b"]);
    table.append(&["1", "two, three"])?;
    table.append(&["4", "5"])?;
    assert_eq!(lines(&path), ["a,b", "1,\"two, three\"", "4,5"]);
    Ok(())
}

#[test]
fn another_header_is_refused_and_nothing_changes() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    std::fs::write(&path, "a,c\n1,2\n")?;
    let error = Table::new(&path, &["a", "b"]).append(&["1", "2"]).unwrap_err().to_string();
    assert!(error.contains("another header (`a,c`)"), "{error}");
    assert_eq!(lines(&path), ["a,c", "1,2"]);
    Ok(())
}

#[test]
fn a_torn_row_is_set_aside() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    std::fs::write(&path, "a,b\n1,2\n3,")?;
    let warning = Table::new(&path, &["a", "b"]).append(&["5", "6"])?;
    assert!(warning.is_some_and(|text| text.contains("half-written")));
    assert_eq!(lines(&path), ["a,b", "1,2", "5,6"]);
    assert_eq!(lines(&folder.path().join("table.torn.csv")), ["3,"]);
    Ok(())
}

#[test]
fn a_row_that_was_torn_within_quotes_is_set_aside_also_behind_a_stray_quote() -> Result<(), Box<dyn std::error::Error>>
{
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    for torn in ["3,\"4", "3,\"4\n", "3\",\"4\n", "\"3\"\"\",\"4\"\""] {
        std::fs::write(&path, format!("a,b\n1\",2\n{torn}"))?;
        let table = Table::new(&path, &["a", "b"]);
        assert_eq!(table.rows()?, [["1\"", "2"]], "{torn}");
        assert!(table.append(&["5", "6"])?.is_some_and(|text| text.contains("half-written")), "{torn}");
        assert_eq!(table.rows()?, [["1\"", "2"], ["5", "6"]], "{torn}");
    }
    Ok(())
}

#[test]
fn a_last_row_that_lacks_its_newline_is_kept() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    std::fs::write(&path, "a,b\n1,2\n3,4")?;
    let table = Table::new(&path, &["a", "b"]);
    assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
    let warning = table.append(&["5", "6"])?;
    assert!(warning.is_some_and(|text| text.contains("did not end in a newline")));
    assert_eq!(lines(&path), ["a,b", "1,2", "3,4", "5,6"]);
    assert!(!folder.path().join("table.torn.csv").exists());
    Ok(())
}

#[test]
fn a_last_row_that_was_cut_off_within_its_hash_is_set_aside() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["a", "hash"]);
    // Older rows have none.
    let whole = "a,hash\n1,\n2,0123\n3,4567\n";
    std::fs::write(&path, format!("{whole}4,89"))?;
    assert_eq!(table.rows()?.len(), 3);
    assert!(table.append(&["5", "cdef"])?.is_some_and(|text| text.contains("half-written")));
    assert_eq!(std::fs::read_to_string(&path)?, format!("{whole}5,cdef\n"));
    // A word that others have with more behind it.
    std::fs::write(&path, "a,split\n1,test\n2,val\n3,tes")?;
    assert_eq!(Table::new(&path, &["a", "split"]).rows()?.len(), 2);
    // Words are of any length.
    std::fs::write(&path, "a,hash\n1,long\n2,longer\n3,word")?;
    assert_eq!(table.rows()?.len(), 3);
    Ok(())
}

#[test]
fn a_table_of_older_columns_is_read_and_grows_when_a_row_comes() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["a", "b", "c"]).grown_from(2);
    std::fs::write(&path, "a,b\n1,2\n3,4\n5,")?;
    assert_eq!(table.rows()?, [["1", "2", ""], ["3", "4", ""]]);
    assert_eq!(lines(&path)[0], "a,b");
    assert!(table.append(&["6", "7", "8"])?.is_some_and(|text| text.contains("half-written")));
    assert_eq!(lines(&path), ["a,b,c", "1,2,", "3,4,", "6,7,8"]);
    assert_eq!(lines(&folder.path().join("table.torn.csv")), ["5,"]);
    // Put together with an older one.
    std::fs::write(&path, "a,b,c\n1,2,3\na,b\n3,4\n")?;
    assert_eq!(table.rows()?, [["1", "2", "3"], ["3", "4", ""]]);
    for other in ["a\n1\n", "a,c\n1,2\n"] {
        std::fs::write(&path, other)?;
        assert!(matches!(table.rows(), Err(TableError::Header { .. })), "{other}");
    }
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 2, "something was left beside the table");
    Ok(())
}

#[test]
fn rows_go_and_others_come_at_once() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (path, link) = (folder.path().join("table.csv"), folder.path().join("link.csv"));
    std::os::unix::fs::symlink(&path, &link)?;
    let table = Table::new(&link, &["a", "b"]);
    table.append_all(&[&["1", "2"], &["3", "4"], &["5", "6"]])?;
    let new = vec!["7".to_string(), "8".to_string()];
    table.update(|rows| Change {
        remove: (0..rows.len()).filter(|place| rows[*place][0] == "3").collect(),
        append: vec![new],
    })?;
    assert_eq!(lines(&path), ["a,b", "1,2", "5,6", "7,8"]);
    assert!(link.symlink_metadata()?.is_symlink());
    Ok(())
}

/// Each finds its row missing before any other wrote it, unless finding and writing are one.
#[test]
fn what_is_found_missing_still_is_when_it_is_added() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["a", "b"]);
    (0..5).try_for_each(|_| table.append(&["gone", "x"]).map(|_| ()))?;
    let add = |number: usize| {
        table.update(|rows| {
            let row = vec![number.to_string(), "x".into()];
            std::thread::sleep(std::time::Duration::from_millis(1));
            // Half of them put another file in the place of the table.
            let gone = rows.iter().position(|row| row[0] == "gone").filter(|_| number.is_multiple_of(2));
            match rows.contains(&row) {
                true => Change::default(),
                false => Change { append: vec![row], remove: gone.into_iter().collect() },
            }
        })
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..10).try_for_each(|n| add(n).map(|_| ())))).collect();
        all.into_iter().try_for_each(|one| one.join().unwrap())
    })?;
    let mut found: Vec<usize> = table.rows()?.iter().map(|row| row[0].parse()).collect::<Result<_, _>>()?;
    found.sort_unstable();
    assert_eq!(found, (0..10).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn what_is_no_file_is_no_table() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    assert!(std::process::Command::new("mkfifo").arg(&path).status()?.success());
    let table = Table::new(&path, &["a", "b"]);
    for error in [table.rows().unwrap_err(), table.append(&["1", "2"]).unwrap_err()] {
        assert!(error.to_string().contains("it is not a regular file"), "{error}");
    }
    Ok(())
}

#[test]
fn a_torn_header_is_an_empty_table_and_other_text_is_none() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["first", "second"]);
    for torn in ["", "fir", "first,second"] {
        std::fs::write(&path, torn)?;
        assert_eq!(table.rows()?, Vec::<Vec<String>>::new());
        table.append(&["1", "2"])?;
        assert_eq!(lines(&path), ["first,second", "1,2"], "{torn}");
    }
    for other in ["something else", "first\n", "1,2\n", "first,second,third"] {
        std::fs::write(&path, other)?;
        assert!(matches!(table.rows(), Err(TableError::Header { .. })), "{other}");
        assert!(matches!(table.append(&["1", "2"]), Err(TableError::Header { .. })), "{other}");
    }
    Ok(())
}

#[test]
fn what_a_spreadsheet_makes_of_line_ends_does_no_harm() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["a", "b"]);
    std::fs::write(&path, "\u{feff}a,b\r\n1,2\r\n")?;
    assert_eq!(table.append(&["3", "4"])?, None);
    assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
    Ok(())
}

#[test]
fn tables_that_were_put_together_are_one_and_a_wrong_row_has_a_line() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    let table = Table::new(&path, &["a", "b"]);
    std::fs::write(&path, "a,b\n1,2\na,b\n3,4\n")?;
    assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
    std::fs::write(&path, "a,b\n1,2\n3\n5,6\n")?;
    let error = table.rows().unwrap_err().to_string();
    assert!(
        error.ends_with(
            "table.csv line 3: expected 2 fields, as in the header, but found 1; correct or remove that \
                         line"
        ),
        "{error}"
    );
    Ok(())
}

proptest! {
    /// Wherever a write is cut off, the rows before it stay and the next one follows.
    #[test]
    fn a_table_that_was_cut_off_loses_no_whole_row(
        rows in prop::collection::vec(("[a-c,\"\n]{0,4}", "[x\"\n]{1,3}"), 1..5),
        share in 0.0..1.0f64,
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "b", "end"]);
        let mut ends = Vec::new();
        let mut all: Vec<Vec<String>> = Vec::new();
        for (one, other) in rows {
            all.push(vec![one, other, "z".into()]);
            prop_assert_eq!(table.append(&all[all.len() - 1])?, None);
            ends.push(std::fs::metadata(&path)?.len());
        }
        prop_assert_eq!(&table.rows()?, &all);
        let cut = (share * ends[ends.len() - 1] as f64) as u64;
        OpenOptions::new().write(true).open(&path)?.set_len(cut)?;
        // The newline alone may be missing.
        let mut left = all[..ends.iter().filter(|end| **end <= cut + 1).count()].to_vec();
        prop_assert_eq!(&table.rows()?, &left);
        let next = ["1", "2", "3"].map(String::from).to_vec();
        table.append(&next)?;
        left.push(next);
        prop_assert_eq!(table.rows()?, left);
    }
}
