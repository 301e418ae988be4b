// A participant made with LiveKit's own Go SDK, as it is: it publishes sound and a picture, data, a text stream and calls, takes what
// another one sends, and prints what it has as a line of JSON five times a second. Started by test_go_sdk.py.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// headBytes is what a VP8 key frame has before its first partition (RFC 6386 §9.1); the rest of a frame repeats its number.
const headBytes = 10
const frameBytes = headBytes + 3000

type report struct {
	sync.Mutex
	State  []string       `json:"states"`
	Audio  int            `json:"audio"`
	Frames int            `json:"frames"`
	Wrong  int            `json:"wrong"`
	Data   map[string]int `json:"data"`
	Poem   string         `json:"poem"`
	Answer string         `json:"answer"`
	Error  string         `json:"error"`
}

func (r *report) change(f func(*report)) {
	r.Lock()
	defer r.Unlock()
	f(r)
}

type picture struct {
	lksdk.BaseSampleProvider
	number byte
}

func (p *picture) NextSample(context.Context) (media.Sample, error) {
	p.number++
	frame := make([]byte, frameBytes)
	for at := headBytes; at < len(frame); at++ {
		frame[at] = p.number
	}
	return media.Sample{Data: frame, Duration: time.Second / 30}, nil
}

type tone struct{ lksdk.BaseSampleProvider }

func (*tone) NextSample(context.Context) (media.Sample, error) {
	return media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond}, nil
}

func listen(told *report, track *webrtc.TrackRemote) {
	var frame []byte
	var last uint16
	// A frame of which the network lost a packet, or which began before this, proves nothing.
	broken := true
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			told.change(func(r *report) { r.Audio++ })
			continue
		}
		var vp8 codecs.VP8Packet
		part, err := vp8.Unmarshal(packet.Payload)
		if err != nil {
			told.change(func(r *report) { r.Wrong++ })
			continue
		}
		broken = broken || packet.SequenceNumber != last+1
		last = packet.SequenceNumber
		if vp8.S == 1 && vp8.PID == 0 {
			frame, broken = frame[:0], false
		}
		frame = append(frame, part...)
		if packet.Marker && !broken {
			whole := sound(frame)
			told.change(func(r *report) {
				if whole {
					r.Frames++
				} else {
					r.Wrong++
				}
			})
		}
	}
}

func sound(frame []byte) bool {
	if len(frame) != frameBytes {
		return false
	}
	for _, one := range frame[headBytes:] {
		if one != frame[headBytes] {
			return false
		}
	}
	return true
}

func publish(room *lksdk.Room) error {
	video, err := lksdk.NewLocalSampleTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000})
	if err != nil {
		return err
	}
	audio, err := lksdk.NewLocalSampleTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2})
	if err != nil {
		return err
	}
	if err := video.StartWrite(&picture{}, nil); err != nil {
		return err
	}
	if err := audio.StartWrite(&tone{}, nil); err != nil {
		return err
	}
	if _, err := room.LocalParticipant.PublishTrack(video, &lksdk.TrackPublicationOptions{Name: "picture", VideoWidth: 640, VideoHeight: 480}); err != nil {
		return err
	}
	_, err = room.LocalParticipant.PublishTrack(audio, &lksdk.TrackPublicationOptions{Name: "tone"})
	return err
}

func talk(room *lksdk.Room, name, other string, told *report) {
	for number := 0; ; number++ {
		for _, reliable := range []bool{true, false} {
			text := fmt.Sprintf("%s reliable=%t %d", name, reliable, number)
			if err := room.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)), lksdk.WithDataPublishReliable(reliable)); err != nil {
				told.change(func(r *report) { r.Error = err.Error() })
			}
		}
		if room.GetParticipantByIdentity(other) != nil {
			room.LocalParticipant.SendText("roses are red, "+name, lksdk.StreamTextOptions{Topic: "poem"})
			answer, err := room.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: other, Method: "greet", Payload: name})
			if err == nil {
				told.change(func(r *report) { r.Answer = *answer })
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func main() {
	url := flag.String("url", "", "the server, ws://…")
	token := flag.String("token", "", "a join token")
	name := flag.String("name", "", "this participant")
	other := flag.String("other", "", "the one it calls")
	flag.Parse()
	told := &report{Data: map[string]int{}}
	callback := &lksdk.RoomCallback{
		OnDisconnected: func() { told.change(func(r *report) { r.State = append(r.State, "disconnected") }) },
		OnReconnecting: func() { told.change(func(r *report) { r.State = append(r.State, "reconnecting") }) },
		OnReconnected:  func() { told.change(func(r *report) { r.State = append(r.State, "reconnected") }) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
				listen(told, track)
			},
			OnDataPacket: func(packet lksdk.DataPacket, params lksdk.DataReceiveParams) {
				if user, ok := packet.(*lksdk.UserDataPacket); ok {
					told.change(func(r *report) { r.Data[params.SenderIdentity+": "+string(user.Payload)]++ })
				}
			},
		},
	}
	room := lksdk.NewRoom(callback)
	if err := room.RegisterRpcMethod("greet", func(data lksdk.RpcInvocationData) (string, error) { return "hello " + data.Payload, nil }); err != nil {
		panic(err)
	}
	if err := room.RegisterTextStreamHandler("poem", func(reader *lksdk.TextStreamReader, _ string) {
		text := reader.ReadAll()
		told.change(func(r *report) { r.Poem = text })
	}); err != nil {
		panic(err)
	}
	if err := room.JoinWithToken(*url, *token); err != nil {
		panic(err)
	}
	told.change(func(r *report) { r.State = append(r.State, "connected") })
	if err := publish(room); err != nil {
		panic(err)
	}
	go talk(room, *name, *other, told)
	for {
		told.Lock()
		line, err := json.Marshal(told)
		told.Unlock()
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stdout, string(line))
		time.Sleep(200 * time.Millisecond)
	}
}
