//! Small files that the mesh asks for many at a time: each travels like a range, and ends like a file of a batch.

use pishtar_mesh::{Ask, Input, NodeId, WantedFile};

use super::{
    World,
    host::{HostIx, host_of},
};

impl World {
    pub(super) fn fetch_files(&mut self, at: HostIx, peer: &NodeId, files: Vec<WantedFile>) {
        for file in files {
            let request = file.request;
            self.hosts[at as usize].small.insert(request, file.hash);
            self.fetch(
                at,
                request,
                host_of(peer),
                (file.hash, 0..file.length, Ask::Any),
            );
        }
    }

    /// The end of a small file as the mesh expects it: stored whole, or nothing of it.
    pub(super) fn as_told(&mut self, at: HostIx, input: Input) -> Input {
        let Input::RangeFinished {
            request,
            result,
            held,
        } = input
        else {
            return input;
        };
        let Some(hash) = self.hosts[at as usize].small.remove(&request) else {
            return Input::RangeFinished {
                request,
                result,
                held,
            };
        };
        if let Some(ix) = self.editions.find(&hash).filter(|_| result.is_err()) {
            let length = self.editions.blobs[ix as usize].1;
            let disk = &mut self.hosts[at as usize].disk;
            if !disk.has_whole(ix) {
                disk.remove(ix, length);
            }
        }
        Input::FilesArrived {
            ended: vec![(request, result)],
        }
    }
}
