// Checks the log of a running service with golang.org/x/mod/sumdb: the signature of its checkpoint, its tiles, entries and
// proofs, and that it only grows. The script `sumdb` beside this file runs it.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	base   = os.Getenv("WAYMARK_URL") + "/v1/audit"
	key    = os.Getenv("WAYMARK_KEY")
	failed int
)

func check(what string, err error) {
	if err != nil {
		failed++
		fmt.Printf("WRONG  %s: %v\n", what, err)
		return
	}
	fmt.Println("right ", what)
}

// refused is for what must not be accepted: a check that takes everything checks nothing.
func refused(what string, err error) {
	if err == nil {
		check(what, fmt.Errorf("it was accepted"))
		return
	}
	check(what+": refused", nil)
}

func stop(err error) {
	if err != nil {
		fmt.Println("WRONG ", err)
		os.Exit(1)
	}
}

func answer(path, accept string) (int, []byte) {
	request, err := http.NewRequest("GET", base+path, nil)
	stop(err)
	request.Header.Set("Authorization", "Bearer "+key)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	stop(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	stop(err)
	return response.StatusCode, body
}

func get(path, accept string) []byte {
	status, body := answer(path, accept)
	if status != 200 {
		stop(fmt.Errorf("%s: %d %s", path, status, body))
	}
	return body
}

func getJSON(path string, into interface{}) {
	stop(json.Unmarshal(get(path, "application/json"), into))
}

// A log as its keys and a checkpoint tell it.
type head struct {
	size int64
	root tlog.Hash
}

func open(signed []byte, verifier note.Verifier) (head, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return head{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return head{}, fmt.Errorf("a checkpoint of %d lines", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return head{}, fmt.Errorf("the origin is %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return head{size, root}, err
}

// Tiles of the service for tlog.TileHashReader. What comes out of it is compared with the hashes of the entries.
type tiles struct{ read, partial int }

func (t *tiles) Height() int                         { return 8 }
func (t *tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// The path of tlog names the height of tiles ("tile/8/0/000"); that of C2SP tlog-tiles, where it is always 8, does not.
		path := "/tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		status, data := answer(path, "")
		if status != 200 {
			return nil, fmt.Errorf("%s: %d", path, status)
		}
		t.read++
		if tile.W < 256 {
			t.partial++
		}
		found = append(found, data)
	}
	return found, nil
}

// All entries of the first `size`, by their bundles: each with its length in two bytes in front.
func entries(size int64) ([][]byte, error) {
	var all [][]byte
	for first := int64(0); first < size; first += 256 {
		width := int(size - first)
		if width > 256 {
			width = 256
		}
		path := tlog.Tile{H: 8, L: 0, N: first / 256, W: width}.Path()
		data := get("/tile/entries/"+strings.TrimPrefix(path, "tile/8/0/"), "")
		for n := 0; n < width; n++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("the bundle of index %d ends within entry %d", first, n)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:end])
			data = data[end:]
		}
		if len(data) > 0 {
			return nil, fmt.Errorf("the bundle of index %d has %d bytes more than its entries", first, len(data))
		}
	}
	return all, nil
}

// The hashes that tlog keeps of a log, made of the entries alone.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found = append(found, s[index])
	}
	return found, nil
}

func hashes(texts []string) (found []tlog.Hash, err error) {
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

// The lines of a proof as text: those in front of its hashes, its hashes, and the checkpoint behind the empty line.
func parts(text []byte, before int) ([]string, []tlog.Hash, []byte, error) {
	at := bytes.Index(text, []byte("\n\n"))
	if at < 0 {
		return nil, nil, nil, fmt.Errorf("no empty line")
	}
	lines := strings.Split(string(text[:at]), "\n")
	if len(lines) < before {
		return nil, nil, nil, fmt.Errorf("%d lines", len(lines))
	}
	found, err := hashes(lines[before:])
	return lines[:before], found, text[at+2:], err
}

func inclusion(verifier note.Verifier, all [][]byte, hashesOf stored, index, size int64) error {
	query := fmt.Sprintf("/proofs/inclusion?index=%d&size=%d", index, size)
	var reply struct {
		Index, Size, Position       int64
		Leaf_hash, Root, Checkpoint string
		Hashes                      []string
	}
	getJSON(query, &reply)
	proof, err := hashes(reply.Hashes)
	if err != nil {
		return err
	}
	at, err := open([]byte(reply.Checkpoint), verifier)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(all[index])
	if at.size != size || reply.Size != size || reply.Index != index || reply.Position != index+1 ||
		reply.Root != at.root.String() || reply.Leaf_hash != leaf.String() {
		return fmt.Errorf("%+v is not of index %d and size %d", reply, index, size)
	}
	if err := tlog.CheckRecord(tlog.RecordProof(proof), size, at.root, index, leaf); err != nil {
		return err
	}
	own, err := tlog.ProveRecord(size, index, hashesOf)
	if err != nil {
		return err
	}
	if fmt.Sprint(own) != fmt.Sprint(tlog.RecordProof(proof)) {
		return fmt.Errorf("another proof than that of tlog")
	}
	if other := tlog.RecordHash(append([]byte(" "), all[index]...)); tlog.CheckRecord(proof, size, at.root, index, other) == nil {
		return fmt.Errorf("the proof holds for another entry as well")
	}

	front, fromText, signed, err := parts(get(query, "text/plain"), 2)
	if err != nil {
		return err
	}
	if front[0] != "c2sp.org/tlog-proof@v1" || front[1] != fmt.Sprintf("index %d", index) {
		return fmt.Errorf("the proof begins with %q", front)
	}
	if at, err = open(signed, verifier); err != nil {
		return err
	}
	if at.size != size {
		return fmt.Errorf("the checkpoint has the size %d", at.size)
	}
	return tlog.CheckRecord(fromText, size, at.root, index, leaf)
}

func consistency(verifier note.Verifier, hashesOf stored, from, to int64) error {
	query := fmt.Sprintf("/proofs/consistency?from=%d&to=%d", from, to)
	var reply struct {
		From, To                       int64
		From_root, To_root, Checkpoint string
		Hashes                         []string
	}
	getJSON(query, &reply)
	proof, err := hashes(reply.Hashes)
	if err != nil {
		return err
	}
	at, err := open([]byte(reply.Checkpoint), verifier)
	if err != nil {
		return err
	}
	old, err := tlog.TreeHash(from, hashesOf)
	if err != nil {
		return err
	}
	if at.size != to || reply.From != from || reply.To != to || reply.From_root != old.String() ||
		reply.To_root != at.root.String() {
		return fmt.Errorf("%+v is not from %d to %d", reply, from, to)
	}
	if err := tlog.CheckTree(tlog.TreeProof(proof), to, at.root, from, old); err != nil {
		return err
	}
	own, err := tlog.ProveTree(to, from, hashesOf)
	if err != nil {
		return err
	}
	if fmt.Sprint(own) != fmt.Sprint(tlog.TreeProof(proof)) {
		return fmt.Errorf("another proof than that of tlog")
	}
	if from < to {
		old[0] ^= 1
		if tlog.CheckTree(proof, to, at.root, from, old) == nil {
			return fmt.Errorf("the proof holds for another old root as well")
		}
	}

	front, fromText, signed, err := parts(get(query, "text/plain"), 1)
	if err != nil {
		return err
	}
	if front[0] != fmt.Sprintf("old %d", from) {
		return fmt.Errorf("the proof begins with %q", front)
	}
	if at, err = open(signed, verifier); err != nil {
		return err
	}
	if old, err = tlog.TreeHash(from, hashesOf); err != nil {
		return err
	}
	return tlog.CheckTree(fromText, to, at.root, from, old)
}

func main() {
	var keys struct{ Items []struct{ Name, Vkey string } }
	getJSON("/keys", &keys)
	if len(keys.Items) != 1 {
		stop(fmt.Errorf("%d keys", len(keys.Items)))
	}
	verifier, err := note.NewVerifier(keys.Items[0].Vkey)
	check("the log's key", err)
	stop(err)
	installation, err := note.NewVerifier(strings.TrimSpace(os.Getenv("WAYMARK_PUBLIC_KEY")))
	check("the key of the file .pub", err)
	stop(err)
	_, one, _ := strings.Cut(keys.Items[0].Vkey, "+")
	_, other, _ := strings.Cut(strings.TrimSpace(os.Getenv("WAYMARK_PUBLIC_KEY")), "+")
	if one[9:] != other[9:] || installation.Name() != "waymark" {
		err = fmt.Errorf("%s and %s", one, other)
	}
	check("both are one key", err)

	// The log grows meanwhile: each checkpoint must go on from the one before.
	signed := get("/checkpoint", "")
	first, err := open(signed, verifier)
	check(fmt.Sprintf("checkpoint of %d entries", first.size), err)
	stop(err)
	for _, at := range []int{0, len(verifier.Name()) + 1, len(signed) - 8} {
		other := append([]byte(nil), signed...)
		other[at] ^= 1
		_, err := open(other, verifier)
		refused(fmt.Sprintf("checkpoint with byte %d changed", at), err)
	}
	latest := first
	for n := 0; n < 5; n++ {
		time.Sleep(500 * time.Millisecond)
		next, err := open(get("/checkpoint", ""), verifier)
		stop(err)
		var reply struct{ Hashes []string }
		getJSON(fmt.Sprintf("/proofs/consistency?from=%d&to=%d", latest.size, next.size), &reply)
		proof, err := hashes(reply.Hashes)
		stop(err)
		check(fmt.Sprintf("from %d entries to %d", latest.size, next.size),
			tlog.CheckTree(proof, next.size, next.root, latest.size, latest.root))
		latest = next
	}
	if latest.size == first.size {
		fmt.Println("       (nothing was written meanwhile)")
	}

	all, err := entries(latest.size)
	check(fmt.Sprintf("bundles of %d entries", latest.size), err)
	stop(err)
	var hashesOf stored
	for index, entry := range all {
		more, err := tlog.StoredHashes(int64(index), entry, hashesOf)
		stop(err)
		hashesOf = append(hashesOf, more...)
	}
	root, err := tlog.TreeHash(latest.size, hashesOf)
	if err == nil && root != latest.root {
		err = fmt.Errorf("%v is not %v", root, latest.root)
	}
	check("the root over the entries", err)

	reader := &tiles{}
	checked := tlog.TileHashReader(tlog.Tree{N: latest.size, Hash: latest.root}, reader)
	var indexes []int64
	for index := range hashesOf {
		indexes = append(indexes, int64(index))
	}
	fromTiles, err := checked.ReadHashes(indexes)
	for index := range fromTiles {
		if fromTiles[index] != hashesOf[index] {
			err = fmt.Errorf("hash %d is another one", index)
		}
	}
	check(fmt.Sprintf("%d tiles, %d of them partial: all %d hashes", reader.read, reader.partial, len(indexes)), err)
	wrong := latest.root
	wrong[0] ^= 1
	_, err = tlog.TileHashReader(tlog.Tree{N: latest.size, Hash: wrong}, reader).ReadHashes([]int64{0})
	refused("tiles under another root", err)

	chance := rand.New(rand.NewSource(7))
	var sizes []int64
	for _, size := range []int64{1, 2, 3, 255, 256, 257, 511, 512, 513, latest.size - 1, latest.size} {
		if 0 < size && size <= latest.size {
			sizes = append(sizes, size)
		}
	}
	for n := 0; n < 10; n++ {
		sizes = append(sizes, 1+chance.Int63n(latest.size))
	}
	asked := 0
	err = nil
	for _, size := range sizes {
		for _, index := range []int64{0, size / 2, size - 1, chance.Int63n(size)} {
			if wrong := inclusion(verifier, all, hashesOf, index, size); wrong != nil {
				err = fmt.Errorf("index %d, size %d: %w", index, size, wrong)
			}
			asked++
		}
	}
	check(fmt.Sprintf("%d inclusion proofs, as JSON and as text", asked), err)
	asked, err = 0, nil
	for _, to := range sizes {
		for _, from := range []int64{1, (to + 1) / 2, to, 1 + chance.Int63n(to)} {
			if wrong := consistency(verifier, hashesOf, from, to); wrong != nil {
				err = fmt.Errorf("from %d to %d: %w", from, to, wrong)
			}
			asked++
		}
	}
	check(fmt.Sprintf("%d consistency proofs, as JSON and as text", asked), err)

	err = nil
	beyond := url.Values{"index": {fmt.Sprint(latest.size)}, "size": {fmt.Sprint(latest.size)}}.Encode()
	if status, _ := answer("/proofs/inclusion?"+beyond, ""); status == 200 {
		err = fmt.Errorf("there is one")
	}
	check("no proof of an entry behind the size", err)
	if failed > 0 {
		fmt.Println(failed, "wrong")
		os.Exit(1)
	}
}
