package vectors

import "testing"

type dataKeyVectors struct {
	EpochKey, DataKey, Nonce octets
	Sealed                   []struct {
		epochKey
		Record                                  string
		AssociatedData, EpochKeyContext, Octets octets
	}
	Refused []refusal
}

func readDataKeys(t *testing.T, text []byte) {
	v := parsed[dataKeyVectors](t, text)
	for at, each := range v.Sealed {
		record := uuidOctets(each.Record)
		equal(t, "associated data", string(each.associated(record)), string(each.AssociatedData))
		equal(t, "context", string(each.context()), string(each.EpochKeyContext))
		equal(t, "octets", string(sealDataKey(v.EpochKey, v.Nonce, v.DataKey, each.epochKey, record)), string(each.Octets))
		found, err := openDataKey(each.Octets, v.EpochKey, each.epochKey, record)
		equal(t, "data key", string(found), string(v.DataKey))
		if err != nil {
			t.Error(err)
		}
		other := v.Sealed[(at+1)%len(v.Sealed)].epochKey
		_, err = openDataKey(each.Octets, v.EpochKey, other, record)
		refuse(t, "a key of another epoch key", err)
		_, err = openDataKey(each.Octets, v.EpochKey, each.epochKey, flipped(record, 15, 1))
		refuse(t, "a key of another record", err)
		for _, changed := range v.Refused {
			_, err := openDataKey(changed.of(each.Octets), v.EpochKey, each.epochKey, record)
			refuse(t, changed.Name, err)
		}
	}
}
