package vectors

import "testing"

type sealedID struct {
	Name, Type, UUID, ID string
	Key                  octets
}

type idVectors struct {
	Format             string
	ReportCodes        []struct{ Name, Typed, Code string } `json:"report_codes"`
	ReportCodesRefused []string                             `json:"report_codes_refused"`
	GlobalIDs          []struct{ Type, Code, ID string }    `json:"global_ids"`
	SealedIDs          []sealedID                           `json:"sealed_ids"`
	SealedIDsRefused   []sealedID                           `json:"sealed_ids_refused"`
}

func readIDs(t *testing.T, text []byte) {
	v := parsed[idVectors](t, text)
	for _, each := range v.ReportCodes {
		code, err := reportCode(each.Typed)
		if err != nil {
			t.Errorf("%s: %v", each.Name, err)
		}
		equal(t, each.Name, code, each.Code)
	}
	for _, typed := range v.ReportCodesRefused {
		_, err := reportCode(typed)
		refuse(t, typed, err)
	}
	for _, each := range v.GlobalIDs {
		equal(t, each.ID, b64u([]byte(each.Type+":"+each.Code)), each.ID)
	}
	for _, each := range v.SealedIDs {
		uuid, err := openID(each.Key, each.Type, each.ID)
		if err != nil {
			t.Errorf("%s: %v", each.Type, err)
		}
		plain := uuidOctets(each.UUID)
		equal(t, each.Type, string(uuid), string(plain))
		sealed := sealSIV(each.Key, append([]byte(each.Type), plain...))
		equal(t, each.Type, b64u(append([]byte{1}, sealed...)), each.ID)
	}
	for _, each := range v.SealedIDsRefused {
		_, err := openID(each.Key, each.Type, each.ID)
		refuse(t, each.Name, err)
	}
}
