package main

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
)

const frameSize = 3000

// frame is a VP8 frame by its header alone (RFC 6386 §9.1), its number, and filling that follows from the number.
func frame(number uint32, key bool) []byte {
	out := make([]byte, frameSize)
	out[0] = 0x11
	if key {
		copy(out, []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00})
	}
	binary.BigEndian.PutUint32(out[10:], number)
	for i := 14; i < len(out); i++ {
		out[i] = byte(uint32(i) * (number | 1))
	}
	return out
}

// publication sends until the program ends. A key frame is sent when one is asked for.
type publication struct {
	track  *webrtc.TrackLocalStaticSample
	keyDue atomic.Bool
	asked  atomic.Int64
}

func newPublication(mime, cid string) (*publication, error) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, cid, "pion")
	return &publication{track: track}, err
}

func (p *publication) film() {
	for number := uint32(0); ; number++ {
		key := p.keyDue.Swap(false) || number == 0
		_ = p.track.WriteSample(media.Sample{Data: frame(number, key), Duration: time.Second / 30})
		time.Sleep(time.Second / 30)
	}
}

func (p *publication) speak() {
	for number := uint32(0); ; number++ {
		data := binary.BigEndian.AppendUint32([]byte{0xf8}, number)
		_ = p.track.WriteSample(media.Sample{Data: data, Duration: 20 * time.Millisecond})
		time.Sleep(20 * time.Millisecond)
	}
}

// listen reads what subscribers ask of a sender.
func (p *publication) listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if wantsKeyFrame(packet) {
				p.asked.Add(1)
				p.keyDue.Store(true)
			}
		}
	}
}

// Reception counts what came of one track.
type Reception struct {
	Kind    string `json:"kind"`
	Stream  string `json:"stream"`
	Packets int    `json:"packets"`
	Frames  int    `json:"frames"`
	Wrong   int    `json:"wrong"`
	Skipped int    `json:"skipped"`
}

// receive counts the frames that came whole, and those that differ from what was sent.
func (c *client) receive(track *webrtc.TrackRemote) {
	seen := &Reception{Kind: track.Kind().String(), Stream: track.StreamID()}
	c.lock.Lock()
	c.received = append(c.received, seen)
	c.lock.Unlock()
	video := track.Kind() == webrtc.RTPCodecTypeVideo
	builder := samplebuilder.New(64, &codecs.VP8Packet{}, 90000)
	last := int64(-1)
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		c.lock.Lock()
		seen.Packets++
		if !video {
			seen.Frames++
			if len(packet.Payload) != 5 || packet.Payload[0] != 0xf8 {
				seen.Wrong++
			}
			c.lock.Unlock()
			continue
		}
		builder.Push(packet)
		for sample := builder.Pop(); sample != nil; sample = builder.Pop() {
			seen.Frames++
			if len(sample.Data) != frameSize {
				seen.Wrong++
				continue
			}
			number := binary.BigEndian.Uint32(sample.Data[10:])
			if !bytes.Equal(sample.Data, frame(number, sample.Data[0]&1 == 0)) {
				seen.Wrong++
			}
			if last >= 0 && int64(number) != last+1 {
				seen.Skipped++
			}
			last = int64(number)
		}
		c.lock.Unlock()
	}
}

// newConnection has pion's usual codecs and interceptors (NACK, reports, transport-cc).
func newConnection(networks []webrtc.NetworkType) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, interceptors); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes(networks)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(settings),
	)
	return api.NewPeerConnection(webrtc.Configuration{})
}
