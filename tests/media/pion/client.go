package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// client is one participant: two peer connections (v0), or one that both fields name (v1).
type client struct {
	signal   *signaling
	single   bool
	up, down *webrtc.PeerConnection
	video    *publication
	audio    *publication
	channels map[string]*webrtc.DataChannel
	failed   chan error

	lock     sync.Mutex
	received []*Reception
	data     map[string]int
	early    []*livekit.TrickleRequest
	offering bool
	dirty    bool
	greeted  int
}

// Report is what a test reads.
type Report struct {
	Received []Reception    `json:"received"`
	Data     map[string]int `json:"data"`
	Asked    int64          `json:"asked"`
	Pairs    []string       `json:"pairs"`
	States   []string       `json:"states"`
}

func join(url, token string, single bool, networks []webrtc.NetworkType) (*client, error) {
	signal, err := dial(url, token, single)
	if err != nil {
		return nil, err
	}
	c := &client{
		signal: signal, single: single, failed: make(chan error, 8),
		data: map[string]int{}, channels: map[string]*webrtc.DataChannel{},
	}
	if c.up, err = newConnection(networks); err != nil {
		return nil, err
	}
	c.down = c.up
	if !single {
		if c.down, err = newConnection(networks); err != nil {
			return nil, err
		}
	}
	c.down.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { c.receive(track) })
	c.down.OnDataChannel(c.watch)
	c.trickle(c.up, livekit.SignalTarget_PUBLISHER)
	if !single {
		c.trickle(c.down, livekit.SignalTarget_SUBSCRIBER)
	}
	if c.video, err = c.publish(webrtc.MimeTypeVP8, "camera", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA); err != nil {
		return nil, err
	}
	if c.audio, err = c.publish(webrtc.MimeTypeOpus, "voice", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE); err != nil {
		return nil, err
	}
	ordered, none := false, uint16(0)
	for label, options := range map[string]*webrtc.DataChannelInit{
		"_reliable": nil, "_lossy": {Ordered: &ordered, MaxRetransmits: &none},
	} {
		channel, err := c.up.CreateDataChannel(label, options)
		if err != nil {
			return nil, err
		}
		c.watch(channel)
		c.channels[label] = channel
	}
	if err := c.offer(); err != nil {
		return nil, err
	}
	go c.listen()
	go c.ping()
	go c.video.film()
	go c.audio.speak()
	return c, nil
}

func (c *client) publish(mime, cid string, kind livekit.TrackType, source livekit.TrackSource) (*publication, error) {
	p, err := newPublication(mime, cid)
	if err != nil {
		return nil, err
	}
	transceiver, err := c.up.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	go p.listen(transceiver.Sender())
	return p, c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: cid, Name: cid, Type: kind, Source: source, Width: 320, Height: 180, DisableRed: true,
	}}})
}

// offer sends an offer, or remembers to when the last one is not answered yet.
func (c *client) offer() error {
	c.lock.Lock()
	if c.offering {
		c.dirty = true
		c.lock.Unlock()
		return nil
	}
	c.offering = true
	c.lock.Unlock()
	offer, err := c.up.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := c.up.SetLocalDescription(offer); err != nil {
		return err
	}
	return c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: describe(offer)}})
}

func describe(d webrtc.SessionDescription) *livekit.SessionDescription {
	return &livekit.SessionDescription{Type: d.Type.String(), Sdp: d.SDP}
}

func (c *client) trickle(connection *webrtc.PeerConnection, target livekit.SignalTarget) {
	connection.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			return
		}
		text, err := json.Marshal(candidate.ToJSON())
		if err == nil {
			err = c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Trickle{
				Trickle: &livekit.TrickleRequest{CandidateInit: string(text), Target: target},
			}})
		}
		if err != nil {
			c.failed <- err
		}
	})
}

func (c *client) listen() {
	for {
		response, err := c.signal.receive()
		if err == nil {
			err = c.heard(response)
		}
		if err != nil {
			c.failed <- err
			return
		}
	}
}

func (c *client) heard(response *livekit.SignalResponse) error {
	switch message := response.Message.(type) {
	case *livekit.SignalResponse_Answer:
		return c.answered(message.Answer)
	case *livekit.SignalResponse_Offer:
		return c.answer(message.Offer)
	case *livekit.SignalResponse_Trickle:
		return c.candidate(message.Trickle)
	case *livekit.SignalResponse_MediaSectionsRequirement:
		return c.sections(message.MediaSectionsRequirement)
	case *livekit.SignalResponse_Leave:
		return fmt.Errorf("sent away: %v", message.Leave)
	}
	return nil
}

func (c *client) answered(answer *livekit.SessionDescription) error {
	err := c.up.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.Sdp})
	if err != nil {
		return err
	}
	c.lock.Lock()
	early, again := c.early, c.dirty
	c.early, c.offering, c.dirty = nil, false, false
	c.lock.Unlock()
	for _, one := range early {
		if err := c.candidate(one); err != nil {
			return err
		}
	}
	if again {
		return c.offer()
	}
	return nil
}

func (c *client) answer(offer *livekit.SessionDescription) error {
	if c.single {
		return errors.New("an offer to a client that offers itself")
	}
	err := c.down.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.Sdp})
	if err != nil {
		return err
	}
	answer, err := c.down.CreateAnswer(nil)
	if err != nil {
		return err
	}
	if err := c.down.SetLocalDescription(answer); err != nil {
		return err
	}
	said := describe(answer)
	said.Id = offer.Id
	return c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: said}})
}

func (c *client) candidate(trickle *livekit.TrickleRequest) error {
	connection := c.up
	if trickle.Target == livekit.SignalTarget_SUBSCRIBER {
		connection = c.down
	}
	if connection.RemoteDescription() == nil {
		c.early = append(c.early, trickle)
		return nil
	}
	var init webrtc.ICECandidateInit
	if err := json.Unmarshal([]byte(trickle.CandidateInit), &init); err != nil || init.Candidate == "" {
		return err
	}
	return connection.AddICECandidate(init)
}

// sections adds what the server wants to send by, and offers.
func (c *client) sections(wanted *livekit.MediaSectionsRequirement) error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for kind, count := range map[webrtc.RTPCodecType]uint32{
		webrtc.RTPCodecTypeAudio: wanted.NumAudios, webrtc.RTPCodecTypeVideo: wanted.NumVideos,
	} {
		for range count {
			if _, err := c.up.AddTransceiverFromKind(kind, receive); err != nil {
				return err
			}
		}
	}
	return c.offer()
}

func (c *client) ping() {
	for {
		time.Sleep(5 * time.Second)
		_ = c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_PingReq{
			PingReq: &livekit.Ping{Timestamp: time.Now().UnixMilli()},
		}})
	}
}

// watch counts the data packets that come by a channel, by who sent them and how.
func (c *client) watch(channel *webrtc.DataChannel) {
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		packet := &livekit.DataPacket{}
		if err := proto.Unmarshal(message.Data, packet); err != nil {
			c.failed <- err
			return
		}
		c.lock.Lock()
		defer c.lock.Unlock()
		if user := packet.GetUser(); user != nil {
			c.data[fmt.Sprintf("%s %s %s", packet.ParticipantIdentity, channel.Label(), user.Payload)]++
		}
	})
}

// greet sends a numbered message by both channels, once they are open.
func (c *client) greet() {
	for label, channel := range c.channels {
		if channel.ReadyState() != webrtc.DataChannelStateOpen {
			return
		}
		kind := livekit.DataPacket_RELIABLE
		if label == "_lossy" {
			kind = livekit.DataPacket_LOSSY
		}
		bytes, err := proto.Marshal(&livekit.DataPacket{
			Kind:  kind,
			Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: fmt.Appendf(nil, "hello %d", c.greeted)}},
		})
		if err == nil {
			err = channel.Send(bytes)
		}
		if err != nil {
			c.failed <- err
		}
	}
	c.greeted++
}

func (c *client) leave() {
	_ = c.signal.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{
		Leave: &livekit.LeaveRequest{Reason: livekit.DisconnectReason_CLIENT_INITIATED},
	}})
}

func (c *client) report() Report {
	report := Report{Data: map[string]int{}, Asked: c.video.asked.Load()}
	connections := []*webrtc.PeerConnection{c.up}
	if !c.single {
		connections = append(connections, c.down)
	}
	for _, connection := range connections {
		report.States = append(report.States, connection.ConnectionState().String())
		pair, err := connection.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
		if err == nil && pair != nil {
			report.Pairs = append(report.Pairs, fmt.Sprintf("%s %s %s", pair.Local.Protocol, pair.Remote.Protocol, pair.Remote.Address))
		}
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, one := range c.received {
		report.Received = append(report.Received, *one)
	}
	for text, count := range c.data {
		report.Data[text] = count
	}
	return report
}

func wantsKeyFrame(packet rtcp.Packet) bool {
	switch packet.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		return true
	}
	return false
}
