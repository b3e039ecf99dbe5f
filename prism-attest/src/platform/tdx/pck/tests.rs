use super::*;

/// DER of one value.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => vec![tag, short],
        Ok(long) => vec![tag, 0x81, long],
        Err(_) => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [header, content.to_vec()].concat()
}

fn field(arcs: &[u8], inner: &[u8]) -> Vec<u8> {
    let oid = value(der::OBJECT_IDENTIFIER, &[&SGX, arcs].concat());
    value(der::SEQUENCE, &[&oid, inner].concat())
}

fn octets(length: usize, fill: u8) -> Vec<u8> {
    value(der::OCTET_STRING, &vec![fill; length])
}

fn tcb() -> Vec<Vec<u8>> {
    let components = (1..=16).map(|arc| field(&[TCB, arc], &value(der::INTEGER, &[arc])));
    let svns = [field(&[TCB, PCE_SVN], &value(der::INTEGER, &[1, 2])), field(&[TCB, CPU_SVN], &octets(16, 0xcc))];
    components.chain(svns).collect()
}

fn configuration() -> Vec<Vec<u8>> {
    let flag = |arc, value_| field(&[CONFIGURATION, arc], &value(der::BOOLEAN, &[value_]));
    vec![flag(1, 0xff), flag(2, 0), flag(3, 0xff)]
}

fn with(tcb: &[Vec<u8>], configuration: &[Vec<u8>]) -> Vec<Vec<u8>> {
    vec![
        field(&[PPID], &octets(16, 0x11)),
        field(&[TCB], &value(der::SEQUENCE, &tcb.concat())),
        field(&[PCE_ID], &octets(2, 0x33)),
        field(&[FMSPC], &octets(6, 0x44)),
        field(&[KIND], &value(der::ENUMERATED, &[1])),
        field(&[INSTANCE], &octets(16, 0x66)),
        field(&[CONFIGURATION], &value(der::SEQUENCE, &configuration.concat())),
    ]
}

fn fields() -> Vec<Vec<u8>> {
    with(&tcb(), &configuration())
}

fn read(fields: &[Vec<u8>]) -> Option<Pck> {
    Pck::read_extension(&value(der::SEQUENCE, &fields.concat()))
}

#[test]
fn every_field_is_read() {
    let flags = Configuration { dynamic_platform: Some(true), cached_keys: Some(false), smt: Some(true) };
    let expected = Pck {
        ppid: [0x11; 16],
        components: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        pce_svn: 258,
        cpu_svn: [0xcc; 16],
        pce_id: [0x33; 2],
        fmspc: [0x44; 6],
        kind: Kind::Scalable,
        instance: Some([0x66; 16]),
        configuration: flags,
    };
    assert_eq!(read(&fields()), Some(expected));
}

#[test]
fn only_instance_and_configuration_may_be_missing() {
    for at in 0..fields().len() {
        let mut fields = fields();
        fields.remove(at);
        let pck = read(&fields);
        match at {
            5 => assert_eq!(pck.unwrap().instance, None),
            6 => assert_eq!(pck.unwrap().configuration, Configuration::default()),
            _ => assert_eq!(pck, None, "field {at}"),
        }
    }
    for at in 0..tcb().len() {
        let mut tcb = tcb();
        tcb.remove(at);
        assert_eq!(read(&with(&tcb, &configuration())), None, "TCB field {at}");
    }
    let partly = read(&with(&tcb(), &configuration()[..1])).unwrap().configuration;
    assert_eq!(partly, Configuration { dynamic_platform: Some(true), ..Configuration::default() });
}

#[test]
fn a_field_twice_is_refused() {
    for at in 0..fields().len() {
        let mut fields = fields();
        fields.push(fields[at].clone());
        assert_eq!(read(&fields), None, "field {at}");
    }
    for at in 0..tcb().len() {
        let mut tcb = tcb();
        tcb.push(tcb[at].clone());
        assert_eq!(read(&with(&tcb, &configuration())), None, "TCB field {at}");
    }
    for at in 0..3 {
        let mut configuration = configuration();
        configuration.push(configuration[at].clone());
        assert_eq!(read(&with(&tcb(), &configuration)), None, "configuration field {at}");
    }
}

#[test]
fn fields_of_another_form_or_another_name_are_refused() {
    for (at, other) in [
        (0, field(&[PPID], &octets(15, 0))),
        (0, field(&[PPID], &value(der::INTEGER, &[1; 16]))),
        (2, field(&[PCE_ID], &octets(3, 0))),
        (3, field(&[FMSPC], &octets(5, 0))),
        (3, field(&[FMSPC], &[octets(6, 0), octets(6, 0)].concat())),
        (4, field(&[KIND], &value(der::ENUMERATED, &[3]))),
        (4, field(&[KIND], &value(der::ENUMERATED, &[0, 1]))),
        (5, field(&[INSTANCE], &octets(17, 0))),
        (6, field(&[8], &octets(1, 0))),
        (6, field(&[0], &octets(1, 0))),
        (6, field(&[CONFIGURATION, 1], &octets(1, 0))),
        (6, field(&[CONFIGURATION], &value(der::SEQUENCE, &field(&[CONFIGURATION, 4], &value(der::BOOLEAN, &[0]))))),
        (6, field(&[CONFIGURATION], &value(der::SEQUENCE, &field(&[CONFIGURATION, 1], &value(der::BOOLEAN, &[1]))))),
    ] {
        let mut fields = fields();
        fields[at] = other;
        assert_eq!(read(&fields), None, "field {at}: {}", hex::encode(&fields[at]));
    }
    for (at, other) in [
        (0, field(&[TCB, 1], &value(der::INTEGER, &[1, 0]))),
        (0, field(&[TCB, 1], &value(der::INTEGER, &[0xff]))),
        (16, field(&[TCB, PCE_SVN], &value(der::INTEGER, &[1, 0, 0]))),
        (17, field(&[TCB, CPU_SVN], &octets(15, 0))),
        (17, field(&[TCB, 19], &octets(16, 0))),
    ] {
        let mut tcb = tcb();
        tcb[at] = other;
        assert_eq!(read(&with(&tcb, &configuration())), None, "TCB field {at}");
    }
    let trailing = [value(der::SEQUENCE, &fields().concat()), vec![0]].concat();
    assert_eq!(Pck::read_extension(&trailing), None);
}

#[test]
fn kinds_have_their_names() {
    let kinds = [0, 1, 2].map(|kind| Kind::read(&value(der::ENUMERATED, &[kind])).unwrap().name());
    assert_eq!(kinds, ["standard", "scalable", "scalable-with-integrity"]);
}
