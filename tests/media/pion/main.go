// A LiveKit client on pion and LiveKit's own protocol messages, for tests: publishes VP8 and Opus whose every frame can
// be checked, receives what others publish, sends and receives data. Prints one JSON report a second; exits on SIGTERM.
//
// Run by tests/media/test_pion.py inside a network namespace (pion gathers no loopback candidates).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
)

func main() {
	url := flag.String("url", "", "ws://host:port")
	token := flag.String("token", "", "access token")
	single := flag.Bool("single", false, "one peer connection, the client offers (v1)")
	networks := flag.String("networks", "udp4,tcp4,udp6,tcp6", "candidate types to gather")
	flag.Parse()
	log.SetFlags(0)

	var types []webrtc.NetworkType
	for _, name := range strings.Split(*networks, ",") {
		kind, err := webrtc.NewNetworkType(name)
		if err != nil {
			log.Fatal(err)
		}
		types = append(types, kind)
	}
	client, err := join(*url, *token, *single, types)
	if err != nil {
		log.Fatal(err)
	}
	over := make(chan os.Signal, 1)
	signal.Notify(over, syscall.SIGTERM, os.Interrupt)
	tick := time.NewTicker(500 * time.Millisecond)
	for {
		select {
		case err := <-client.failed:
			log.Fatal(err)
		case <-over:
			client.leave()
			return
		case <-tick.C:
			client.greet()
			line, err := json.Marshal(client.report())
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(line))
		}
	}
}
