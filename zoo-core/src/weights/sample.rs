//! Files of weights put together byte by byte, for the tests of what reads them.

/// Parts of a pickle, each an expression that leaves one value.
pub mod pickle {
    /// A whole pickle of protocol 2.
    pub fn whole(value: &[u8]) -> Vec<u8> {
        [b"\x80\x02", value, b"."].concat()
    }

    pub fn text(text: &str) -> Vec<u8> {
        [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
    }

    pub fn integer(number: i32) -> Vec<u8> {
        [b"J", &number.to_le_bytes()[..]].concat()
    }

    pub fn long(bytes: &[u8]) -> Vec<u8> {
        [&[0x8a, bytes.len() as u8], bytes].concat()
    }

    pub fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
        [b"(", &items.concat()[..], b"t"].concat()
    }

    pub fn integers(numbers: &[i32]) -> Vec<u8> {
        tuple(&numbers.iter().map(|number| integer(*number)).collect::<Vec<_>>())
    }

    pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
        [b"](", &items.concat()[..], b"e"].concat()
    }

    pub fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = entries.iter().map(|(key, value)| [text(key), value.clone()].concat()).collect();
        [b"}(", &entries.concat()[..], b"u"].concat()
    }

    pub fn global(module: &str, name: &str) -> Vec<u8> {
        format!("c{module}\n{name}\n").into_bytes()
    }

    pub fn call(module: &str, name: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
        [&global(module, name)[..], &tuple(arguments), b"R"].concat()
    }

    pub fn storage(class: &str, key: &str, length: i32) -> Vec<u8> {
        let id = [text("storage"), global("torch", class), text(key), text("cpu"), integer(length)];
        [&tuple(&id)[..], b"Q"].concat()
    }

    /// A tensor as PyTorch writes it.
    pub fn tensor(storage: Vec<u8>, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
        let hooks = call("collections", "OrderedDict", &[]);
        let arguments = [storage, integer(offset), integers(shape), integers(strides), vec![0x89], hooks];
        call("torch._utils", "_rebuild_tensor_v2", &arguments)
    }

    /// A vector of f32 that is all of the storage `key`.
    pub fn vector(key: &str, length: i32) -> Vec<u8> {
        tensor(storage("FloatStorage", key, length), 0, &[length], &[1])
    }
}

pub fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A zip archive of stored entries.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let stored: Vec<_> = entries.iter().map(|(name, data)| (*name, *data, data.to_vec(), 0)).collect();
    archive(&stored)
}

/// A zip archive of deflated entries.
pub fn deflated(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let pack = |data: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, data).unwrap();
        encoder.finish().unwrap()
    };
    let packed: Vec<_> = entries.iter().map(|(name, data)| (*name, *data, pack(data), 8)).collect();
    archive(&packed)
}

/// A zip archive of entries, each with its data, packed by that method.
fn archive(entries: &[(&str, &[u8], Vec<u8>, u8)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data, packed, method) in entries {
        let local = file.len() as u32;
        let (size, sum) = ((data.len() as u32).to_le_bytes(), crc32fast::hash(data).to_le_bytes());
        let (packed_size, length) = ((packed.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        let common = [&[20, 0, 0, 0, *method, 0, 0, 0, 0, 0], &sum[..], &packed_size, &size, &length, &[0; 2]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), packed].concat());
        let tail = [&[0; 10], &local.to_le_bytes()[..], name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &tail].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes());
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0; 2]].concat()
}

/// A `.pth` file of today, of a pickled object and its storages.
pub fn torch_zip(object: &[u8], storages: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pickle = pickle::whole(object);
    let names: Vec<String> = storages.iter().map(|(key, _)| format!("net/data/{key}")).collect();
    let storages = names.iter().zip(storages).map(|(name, (_, data))| (name.as_str(), &data[..]));
    let first = [("net/data.pkl", &pickle[..]), ("net/byteorder", b"little")];
    zip(&first.into_iter().chain(storages).collect::<Vec<_>>())
}

/// A `.pth` file of old; each storage with its number of elements.
pub fn torch_legacy(object: &[u8], storages: &[(&str, u64, Vec<u8>)]) -> Vec<u8> {
    let magic = pickle::long(&[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);
    let keys: Vec<Vec<u8>> = storages.iter().map(|(key, ..)| pickle::text(key)).collect();
    let pickles = [magic, pickle::integer(1001), pickle::dict(&[]), object.to_vec(), pickle::list(&keys)];
    let pickles = pickles.map(|object| pickle::whole(&object)).concat();
    let data = storages.iter().map(|(_, length, data)| [&length.to_le_bytes(), &data[..]].concat());
    [pickles, data.collect::<Vec<_>>().concat()].concat()
}

/// A safetensors file of a header and data.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}
