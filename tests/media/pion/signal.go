package main

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// signaling is the WebSocket: LiveKit's protobuf messages, one each way.
type signaling struct {
	conn *websocket.Conn
	lock sync.Mutex
}

func dial(base, token string, single bool) (*signaling, error) {
	info := &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: "2.9.0", Protocol: 16, Os: "linux"}
	query := url.Values{"access_token": {token}}
	path := "/rtc"
	if single {
		request, err := proto.Marshal(&livekit.JoinRequest{
			ClientInfo:         info,
			ConnectionSettings: &livekit.ConnectionSettings{AutoSubscribe: true},
		})
		if err != nil {
			return nil, err
		}
		wrapped, err := proto.Marshal(&livekit.WrappedJoinRequest{JoinRequest: request})
		if err != nil {
			return nil, err
		}
		query.Set("join_request", base64.URLEncoding.EncodeToString(wrapped))
		path = "/rtc/v1"
	} else {
		query.Set("protocol", "16")
		query.Set("sdk", "go")
		query.Set("version", info.Version)
		query.Set("auto_subscribe", "1")
	}
	conn, response, err := websocket.DefaultDialer.Dial(base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", err, response)
	}
	return &signaling{conn: conn}, nil
}

func (s *signaling) send(request *livekit.SignalRequest) error {
	bytes, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.conn.WriteMessage(websocket.BinaryMessage, bytes)
}

func (s *signaling) receive() (*livekit.SignalResponse, error) {
	for {
		kind, bytes, err := s.conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		response := &livekit.SignalResponse{}
		return response, proto.Unmarshal(bytes, response)
	}
}
