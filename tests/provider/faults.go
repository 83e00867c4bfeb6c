package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What goes wrong, and in which call of the protocol, e.g. `crash:PlanResourceChange`:
//
//	crash:CALL         the process ends
//	hang:CALL          the call is never answered
//	slow:CALL:SECONDS  the answer comes late
//	garbage:CALL       the answer is none
type faults struct {
	// ECHO_FAULT: strikes in each such call.
	always string
	// `fault` in the directory ECHO_DIR: a fault that strikes once; the file is removed then.
	once string
	// `calls` there: gets a line `PID CALL` for each call.
	calls string
}

func faultsFromEnvironment() faults {
	all := faults{always: os.Getenv("ECHO_FAULT")}
	if dir := os.Getenv("ECHO_DIR"); dir != "" {
		all.once, all.calls = path.Join(dir, "fault"), path.Join(dir, "calls")
	}
	return all
}

func (f faults) strike(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	call := path.Base(info.FullMethod)
	f.note(call)
	if act(f.always, call) {
		return garbage(), nil
	}
	if f.once != "" {
		// Whoever removes it, strikes.
		text, err := os.ReadFile(f.once)
		fault := strings.TrimSpace(string(text))
		if err == nil && of(fault, call) && os.Remove(f.once) == nil {
			if act(fault, call) {
				return garbage(), nil
			}
		}
	}
	return next(ctx, request)
}

func (f faults) note(call string) {
	if f.calls == "" {
		return
	}
	file, err := os.OpenFile(f.calls, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%d %s\n", os.Getpid(), call)
}

func of(fault, call string) bool {
	parts := strings.Split(fault, ":")
	return len(parts) > 1 && parts[1] == call
}

// Bytes that are no message at all: a tag that does not end.
func garbage() proto.Message {
	message := &emptypb.Empty{}
	message.ProtoReflect().SetUnknown([]byte{0xff})
	return message
}

// Whether the answer has to be garbage.
func act(fault, call string) bool {
	if !of(fault, call) {
		return false
	}
	parts := strings.Split(fault, ":")
	switch parts[0] {
	case "crash":
		os.Exit(3)
	case "hang":
		select {}
	case "slow":
		if seconds, err := strconv.ParseFloat(parts[len(parts)-1], 64); err == nil {
			time.Sleep(time.Duration(seconds * float64(time.Second)))
		}
	case "garbage":
		return true
	}
	return false
}
