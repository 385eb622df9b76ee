// JSch 0.1: reads 32,755 bytes at a time, and in order only.

import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.File;
import java.util.Vector;

public final class Jsch {
    public static void main(String[] args) throws Exception {
        JSch jsch = new JSch();
        if (!args[4].equals("-")) {
            jsch.addIdentity(args[4]);
        }
        Session session = jsch.getSession(args[2], args[0], Integer.parseInt(args[1]));
        session.setConfig("StrictHostKeyChecking", "no");
        if (!args[3].equals("-")) {
            session.setPassword(args[3]);
        }
        session.connect(30_000);
        int status = 0;
        try {
            ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
            sftp.connect(30_000);
            status = run(sftp, args[6], args[7], args.length > 8 ? args[8] : null);
        } catch (Exception error) {
            System.err.println(error);
            status = 1;
        } finally {
            session.disconnect();
        }
        System.exit(status);
    }

    private static int run(ChannelSftp sftp, String operation, String first, String second)
            throws Exception {
        switch (operation) {
            case "put" -> sftp.put(first, second, ChannelSftp.OVERWRITE);
            case "get", "get-large" -> sftp.get(first, second);
            case "put-tree" -> putTree(sftp, new File(first), second);
            case "get-tree" -> getTree(sftp, first, new File(second));
            case "ls" -> entries(sftp, first).forEach(entry -> System.out.println(entry.getFilename()));
            case "rename", "replace" -> sftp.rename(first, second);
            case "rm" -> sftp.rm(first);
            case "mkdir" -> sftp.mkdir(first);
            case "rmdir" -> sftp.rmdir(first);
            case "append", "resume" -> sftp.put(first, second, ChannelSftp.RESUME);
            case "put-preserve" -> {
                sftp.put(first, second, ChannelSftp.OVERWRITE);
                sftp.setMtime(second, (int) (new File(first).lastModified() / 1000));
            }
            default -> {
                return 77;
            }
        }
        return 0;
    }

    private static void putTree(ChannelSftp sftp, File local, String remote) throws Exception {
        sftp.mkdir(remote);
        for (File file : local.listFiles()) {
            String target = remote + "/" + file.getName();
            if (file.isDirectory()) {
                putTree(sftp, file, target);
            } else {
                sftp.put(file.getPath(), target);
            }
        }
    }

    private static void getTree(ChannelSftp sftp, String remote, File local) throws Exception {
        local.mkdir();
        for (ChannelSftp.LsEntry entry : entries(sftp, remote)) {
            String source = remote + "/" + entry.getFilename();
            File target = new File(local, entry.getFilename());
            if (entry.getAttrs().isDir()) {
                getTree(sftp, source, target);
            } else {
                sftp.get(source, target.getPath());
            }
        }
    }

    private static Vector<ChannelSftp.LsEntry> entries(ChannelSftp sftp, String remote)
            throws Exception {
        @SuppressWarnings("unchecked")
        Vector<ChannelSftp.LsEntry> entries = sftp.ls(remote);
        entries.removeIf(entry -> entry.getFilename().equals(".") || entry.getFilename().equals(".."));
        return entries;
    }
}
