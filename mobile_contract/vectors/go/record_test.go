package vectors

import "testing"

type recordVectors struct {
	Format                  string
	DataKey, Nonce, Content octets
	Records                 []struct {
		recordPlace
		AssociatedData, Octets octets
	}
}

func readRecords(t *testing.T, text []byte) {
	v := parsed[recordVectors](t, text)
	for _, each := range v.Records {
		place := each.recordPlace
		equal(t, "associated data", string(place.associated()), string(each.AssociatedData))
		equal(t, "octets", string(sealRecord(v.Content, v.DataKey, v.Nonce, place)), string(each.Octets))
		content, err := openRecord(each.Octets, v.DataKey, place)
		if err != nil {
			t.Error(err)
		}
		equal(t, "content", string(content), string(v.Content))
		others := [5]recordPlace{place, place, place, place, place}
		others[0].Tenant = "D0001"
		others[1].Class ^= 1
		others[2].Record = "018f0000-0000-7000-8000-00000000000f"
		others[3].Version++
		others[4].Schema += "x"
		for _, other := range others {
			_, err := openRecord(each.Octets, v.DataKey, other)
			refuse(t, "a record of another place", err)
		}
		for _, at := range []int{0, 1, recordHead, len(each.Octets) - 1} {
			_, err := openRecord(flipped(each.Octets, at, 1), v.DataKey, place)
			refuse(t, "a changed record", err)
		}
		_, err = openRecord(each.Octets[:len(each.Octets)-1], v.DataKey, place)
		refuse(t, "a record that is cut", err)
	}
}
