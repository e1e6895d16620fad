//! Small tables of results, as the commands that measure write them.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::fs;
use std::path::Path;

pub const ACCURACY: &str = "run,model,width,depth,input_size,profile,params,macs,epochs,steps,seconds,top1,top1_ema,\
    best_top1,train_loss,test_loss,status,dataset,classes,batch_size,seed,images_per_second,device,cpu,threads,libtorch,\
    dtype,memory_format,revision,config_hash";
pub const LATENCY: &str = "model,width,depth,input_size,batch,threads,dtype,mode,macs,p50_ms,p90_ms,p99_ms,mean_ms,std_ms,\
    outliers,runs,peak_mb,noise,disturbed,profile,params,status,device,cpu,libtorch,memory_format,revision";
pub const STAGES: &str =
    "model,width,depth,input_size,batch,threads,dtype,mode,stage,macs,ms,share,profile,device,cpu,revision";
pub const PUBLISHED: &str =
    "model,width,depth,input_size,profile,dataset,epochs,top1,params_m,macs_m,source,table,note";

/// A row of `accuracy.csv` for a width of MobileNetV2.
pub fn run(width: f64, seed: u64, epochs: f64, top1: &str, status: &str) -> String {
    let macs = (24e6 * width * width) as u64;
    format!(
        "v2-{width}-seed{seed}-{epochs},mobilenet-v2,{width},1,32,stem1,{},{macs},{epochs},100,60,{top1},,{top1},1,1,\
         {status},cifar10,10,128,{seed},500,cpu,AMD EPYC,2,2.13.0,f32,channels_last,0123456789ab,c{seed}",
        macs / 10
    )
}

/// A row of `latency.csv` for a width of MobileNetV2 at 224 px.
pub fn latency(width: f64, milliseconds: f64) -> String {
    let macs = (300e6 * width * width) as u64;
    format!(
        "mobilenet-v2,{width},1,224,1,1,f32,folded,{macs},{milliseconds},{},{},{milliseconds},0.1,0,50,100,1.20,0,native,\
         3504872,done,cpu,AMD EPYC,2.13.0,channels_last,0123456789ab",
        milliseconds * 1.1,
        milliseconds * 1.3
    )
}

/// A row of `latency-stages.csv`.
pub fn stage(name: &str, macs: u64, milliseconds: f64) -> String {
    format!("mobilenet-v2,1,1,224,1,1,f32,folded,{name},{macs},{milliseconds},0.5,native,cpu,AMD EPYC,0123456789ab")
}

/// A published width of MobileNetV2.
pub fn published(width: f64, top1: f64, note: &str) -> String {
    format!(
        "mobilenet-v2,{width},1,224,native,imagenet,,{top1},3.47,{},\"A & B, 2018\",Table 4,{note}",
        300.0 * width * width
    )
}

/// Writes a table of `rows`, each with its newline.
pub fn write(path: &Path, header: &str, rows: &[String]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lines: Vec<&str> = std::iter::once(header).chain(rows.iter().map(String::as_str)).collect();
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// A folder with one table of every kind, the counts aside.
pub fn results(folder: &Path) {
    let runs = [
        run(0.5, 0, 10.0, "80.00", "done"),
        run(0.5, 1, 10.0, "82.00", "done"),
        run(1.0, 0, 10.0, "86.50", "done"),
        run(1.4, 0, 10.0, "", "out of memory"),
    ];
    write(&folder.join("results/accuracy.csv"), ACCURACY, &runs);
    write(&folder.join("results/latency.csv"), LATENCY, &[latency(0.5, 8.0), latency(1.0, 19.0)]);
    let stages = [stage("stem", 10_000_000, 1.0), stage("stage1", 290_000_000, 12.5)];
    write(&folder.join("results/latency-stages.csv"), STAGES, &stages);
    let papers = [published(0.5, 65.4, ""), published(1.0, 72.0, "with <angle> & more"), published(1.4, 74.7, "")];
    write(&folder.join("results/published/v2.csv"), PUBLISHED, &papers);
}

/// The tables that come with the project, in a folder of their own.
pub fn committed(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    for part in ["", "published"] {
        fs::create_dir_all(folder.join("results").join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "csv") {
                fs::copy(&path, folder.join("results").join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}
