// One pion peer connection for tests and benches of roomful.rtc. Descriptions travel as JSON lines, ours on stdout, theirs on stdin.
//
//	peer -offer     opens a channel "from pion" and offers; sends back whatever comes on any channel
//	peer            waits for an offer, answers; sends back whatever comes
//	peer -bench N   two pion peers in this process: megabytes (or messages) a second for messages of N bytes, as JSON
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

func main() {
	offer := flag.Bool("offer", false, "make the offer")
	size := flag.Int("bench", 0, "bytes of a message")
	seconds := flag.Float64("seconds", 3, "how long the bench runs")
	flag.Parse()
	log.SetFlags(0)
	if *size > 0 {
		bench(*size, *seconds)
		return
	}
	pc := connection()
	pc.OnDataChannel(echo)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	if *offer {
		channel, err := pc.CreateDataChannel("from pion", nil)
		check(err)
		channel.OnOpen(func() { check(channel.SendText("hello from pion")) })
		echo(channel)
		made, err := pc.CreateOffer(nil)
		check(err)
		tell(pc, made)
		check(pc.SetRemoteDescription(read(in)))
	} else {
		check(pc.SetRemoteDescription(read(in)))
		made, err := pc.CreateAnswer(nil)
		check(err)
		tell(pc, made)
	}
	// The end of stdin ends it.
	_, _ = in.ReadByte()
	check(pc.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func connection() *webrtc.PeerConnection {
	engine := webrtc.SettingEngine{}
	engine.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	check(err)
	return pc
}

func echo(channel *webrtc.DataChannel) {
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		if message.IsString {
			check(channel.SendText(string(message.Data)))
		} else {
			check(channel.Send(message.Data))
		}
	})
}

func gathered(pc *webrtc.PeerConnection, made webrtc.SessionDescription) webrtc.SessionDescription {
	done := webrtc.GatheringCompletePromise(pc)
	check(pc.SetLocalDescription(made))
	<-done
	return *pc.LocalDescription()
}

func tell(pc *webrtc.PeerConnection, made webrtc.SessionDescription) {
	line, err := json.Marshal(gathered(pc, made))
	check(err)
	fmt.Println(string(line))
}

func read(in *bufio.Reader) webrtc.SessionDescription {
	line, err := in.ReadBytes('\n')
	check(err)
	var description webrtc.SessionDescription
	check(json.Unmarshal(line, &description))
	return description
}

func bench(size int, seconds float64) {
	from, to := connection(), connection()
	channel, err := from.CreateDataChannel("bench", nil)
	check(err)
	var got atomic.Int64
	to.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(webrtc.DataChannelMessage) { got.Add(1) })
	})
	open, low := make(chan bool), make(chan bool, 1)
	channel.OnOpen(func() { close(open) })
	channel.SetBufferedAmountLowThreshold(512 << 10)
	channel.OnBufferedAmountLow(func() {
		select {
		case low <- true:
		default:
		}
	})
	offer, err := from.CreateOffer(nil)
	check(err)
	check(to.SetRemoteDescription(gathered(from, offer)))
	answer, err := to.CreateAnswer(nil)
	check(err)
	check(from.SetRemoteDescription(gathered(to, answer)))
	<-open
	message := make([]byte, size)
	send := func(until time.Time) {
		for time.Now().Before(until) {
			for n := 0; n < 64; n++ {
				check(channel.Send(message))
			}
			if channel.BufferedAmount() > 1<<20 {
				select {
				case <-low:
				case <-time.After(time.Second):
				}
			}
		}
	}
	send(time.Now().Add(time.Second))
	start, before := time.Now(), got.Load()
	send(start.Add(time.Duration(seconds * float64(time.Second))))
	took, count := time.Since(start).Seconds(), got.Load()-before
	line, err := json.Marshal(map[string]float64{
		"messages_per_s": float64(count) / took, "bytes_per_s": float64(count) * float64(size) / took,
	})
	check(err)
	fmt.Println(string(line))
}
